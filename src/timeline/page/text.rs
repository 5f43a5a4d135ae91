//! Texts of the page.

/// The text for HTML, also between quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A duration: `0.42 s`, `7.1 s`, `42 s`, `2 min 5 s`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 0.995 {
        format!("{seconds:.2} s")
    } else if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if seconds < 59.5 {
        format!("{seconds:.0} s")
    } else {
        let whole = seconds.round();
        let minutes = (whole / 60.0).floor();
        format!("{minutes:.0} min {:.0} s", whole - minutes * 60.0)
    }
}

pub(super) fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}
