//! A number of bytes, as people write it: `2GiB`, `1.5 G`, `500MB`, `0`.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) u64);

/// A text that is not a size.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is not a size: a number with a unit is expected, such as 500MiB, 2GiB or 2GB")]
pub(crate) struct InvalidSize(String);

/// The first letters of the units, in powers of 1024 or 1000.
const LETTERS: [&str; 4] = ["k", "m", "g", "t"];

impl FromStr for Size {
    type Err = InvalidSize;

    /// `G` and `GiB` are powers of 1024, `GB` is a power of 1000. Only 0 needs no unit: a number alone
    /// is often meant in another unit than bytes.
    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        let error = || InvalidSize(text.to_owned());
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = trimmed.split_at(end.unwrap_or(trimmed.len()));
        let number: f64 = number.parse().map_err(|_| error())?;
        let unit = unit.trim().to_ascii_lowercase();
        let power = |letter: &str| (1..).zip(LETTERS).find(|(_, it)| *it == letter);
        let factor = match (unit.as_str(), unit.get(..1)) {
            ("b", _) => 1.0,
            ("", _) if number == 0.0 => 1.0,
            (_, Some(letter)) => {
                let (power, _) = power(letter).ok_or_else(error)?;
                match &unit[1..] {
                    "" | "ib" => 1024_f64.powi(power),
                    "b" => 1000_f64.powi(power),
                    _ => return Err(error()),
                }
            }
            _ => return Err(error()),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive, and a larger size than any disk means the same"
        )]
        Ok(Self((number * factor) as u64))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let power = (self.0.ilog2() / 10).min(4);
        let tenths = self.0.saturating_mul(10) >> (10 * power);
        let unit = UNITS[power as usize - 1];
        match tenths % 10 {
            0 => write!(f, "{} {unit}", tenths / 10),
            tenth => write!(f, "{}.{tenth} {unit}", tenths / 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_are_read_with_units_and_printed_in_powers_of_1024() {
        for (text, bytes, shown) in [
            ("0", 0, "0 B"),
            ("17b", 17, "17 B"),
            ("1.5KiB", 1536, "1.5 KiB"),
            ("2GiB", 2 << 30, "2 GiB"),
            ("2 g", 2 << 30, "2 GiB"),
            ("2GB", 2_000_000_000, "1.8 GiB"),
            ("3T", 3 << 40, "3 TiB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!(
                (size, size.to_string().as_str()),
                (Size(bytes), shown),
                "{text}"
            );
        }
        for text in [
            "", "abc", "10", "-1", "-1G", "1..5G", "1Gb/s", "GiB", "1é", "nan", "1e3G",
        ] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
