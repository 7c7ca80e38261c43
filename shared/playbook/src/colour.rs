//! The colours of the pages: how one is written, and how well it can be read.
//!
//! Source: WCAG 2.2, relative luminance and contrast ratio; success criterion 1.4.3 asks for 4.5 to 1 of words.

/// What words need to stand out from their ground, level AA.
pub(crate) const ENOUGH: f64 = 4.5;
/// The accent by day, unless the playbook has its own.
pub(crate) const ACCENT: &str = "#1f6b52";
/// The accent by night, unless the playbook has its own.
pub(crate) const ACCENT_DARK: &str = "#8fdcba";
/// What stands behind the accent by day, or before it on a button.
pub const BESIDE_ACCENT: [&str; 2] = ["#fff", "#f3f5f3"];
/// The same by night.
pub const BESIDE_ACCENT_DARK: [&str; 3] = ["#1c2521", "#121815", "#10241b"];

/// Red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour([u8; 3]);

impl Colour {
    /// A colour written as `#1f6b52`, or as `#fff`.
    pub fn read(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .strip_prefix('#')?
            .chars()
            .map(|digit| u8::try_from(digit.to_digit(16)?).ok())
            .collect::<Option<_>>()?;
        match digits[..] {
            [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
            [r, s, g, h, b, c] => Some(Self([r * 16 + s, g * 16 + h, b * 16 + c])),
            _ => None,
        }
    }

    /// The contrast ratio of two colours, from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (mine, theirs) = (self.luminance(), other.luminance());
        (mine.max(theirs) + 0.05) / (mine.min(theirs) + 0.05)
    }

    fn luminance(self) -> f64 {
        let [r, g, b] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_read_and_held_against_another() {
        let contrast = |one: &str, other: &str| Colour::read(one).unwrap().contrast(Colour::read(other).unwrap());
        assert_eq!(format!("{:.2}", contrast("#000", "#FFFFFF")), "21.00");
        // The lightest grey that can be read on white, and the next one.
        assert!(contrast("#767676", "#fff") >= ENOUGH && contrast("#777777", "#fff") < ENOUGH);
        for text in ["", "1f6b52", "#1f6b5", "#1f6b5g", "#1f6b52ff", "green", "#é1"] {
            assert_eq!(Colour::read(text), None, "{text}");
        }
    }

    #[test]
    fn what_holds_by_default_can_be_read() {
        for (accent, beside) in [(ACCENT, &BESIDE_ACCENT[..]), (ACCENT_DARK, &BESIDE_ACCENT_DARK[..])] {
            for other in beside {
                let (accent, other) = (Colour::read(accent).unwrap(), Colour::read(other).unwrap());
                assert!(accent.contrast(other) >= ENOUGH, "{accent:?} {other:?}");
            }
        }
    }
}
