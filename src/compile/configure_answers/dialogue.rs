//! The dialogue with `configure`: `site.sh` writes questions into one named pipe and reads answers from
//! another.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use nix::sys::stat::Mode;

/// The ends of a field and of a message: ASCII's group and record separators.
const FIELD: char = '\u{1d}';
const MESSAGE: u8 = 0x1e;

/// The message that ends the dialogue; all others end with [`FIELD`].
const END: &[u8] = &[b'.', MESSAGE];

pub(super) enum Reply {
    Known(String),
    /// Run the check and report its answer.
    Run,
    /// Run the check. Its answer is not kept.
    RunOnly,
}

/// Answers the messages of `site.sh`.
pub(super) trait Respond {
    fn ask(&mut self, fields: &[&str]) -> Reply;
    fn report(&mut self, answer: &str);
}

pub(super) struct Dialogue {
    questions: File,
    answers: File,
}

impl Dialogue {
    /// Makes the named pipes in `folder`. Other users may use them: the build user.
    pub(super) fn new(folder: &Path) -> io::Result<(Self, End)> {
        use std::os::unix::fs::PermissionsExt as _;
        let open = |name: &str| {
            let path = folder.join(name);
            nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o600))?;
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
            // For both, so that no side waits for the other one to open it.
            File::options().read(true).write(true).open(path)
        };
        let (questions, answers) = (open("questions")?, open("answers")?);
        let end = End(questions.try_clone()?);
        Ok((Self { questions, answers }, end))
    }

    /// Answers until [`End`] is dropped.
    pub(super) fn run(mut self, responder: &mut impl Respond) -> io::Result<()> {
        let mut received = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            let count = self.questions.read(&mut buffer)?;
            received.extend_from_slice(&buffer[..count]);
            while let Some(length) = received.iter().position(|byte| *byte == MESSAGE) {
                let message: Vec<u8> = received.drain(..=length).collect();
                let message = String::from_utf8_lossy(&message[..length]);
                // A killed configure may leave half a message in front of the last one.
                let Some(message) = message.strip_suffix(FIELD) else {
                    return Ok(());
                };
                let fields: Vec<&str> = message.split(FIELD).collect();
                match fields.as_slice() {
                    ["ask", question @ ..] => {
                        let reply = match responder.ask(question) {
                            Reply::Known(answer) => format!("= {answer}\n"),
                            Reply::Run => "?\n".to_owned(),
                            Reply::RunOnly => "-\n".to_owned(),
                        };
                        self.answers.write_all(reply.as_bytes())?;
                    }
                    ["report", answer] => responder.report(answer),
                    _ => {}
                }
            }
        }
    }
}

/// Ends [`Dialogue::run`] on another thread when it is dropped.
pub(super) struct End(File);

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.0.write_all(END);
    }
}
