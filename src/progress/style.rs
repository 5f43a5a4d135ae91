//! The line of a progress bar.

use indicatif::ProgressStyle;

use super::unit::Unit;

/// The style for a bar with or without a known amount of work. A narrow terminal gets a short bar or
/// none, so that the line is not wrapped.
pub(super) fn style(unit: Unit, known: bool) -> ProgressStyle {
    let bar = match columns() {
        0..60 => "",
        60..90 => "{bar:12.cyan/dim} ",
        _ => "{bar:28.cyan/dim} ",
    };
    let amount = match (unit, known) {
        (Unit::Bytes, true) => {
            format!("{bar}{{binary_bytes}}/{{binary_total_bytes}} {{binary_bytes_per_sec}}")
        }
        (Unit::Bytes, false) => "{spinner} {binary_bytes} {binary_bytes_per_sec}".to_owned(),
        (Unit::Steps, true) => format!("{bar}{{percent:>3}}%"),
        (Unit::Steps, false) => "{spinner} {pos}".to_owned(),
    };
    ProgressStyle::with_template(&format!(
        "{{prefix:.bold}} {amount} {{elapsed}} {{wide_msg:.dim}}"
    ))
    .unwrap_or_else(|_| ProgressStyle::default_bar())
    .progress_chars("━╸─")
}

/// The width of the terminal, which the user can change at any time.
fn columns() -> u16 {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    size.map_or(80, |size| size.ws_col)
}
