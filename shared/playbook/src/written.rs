//! Where a text stands as it is written in TOML: quotes, escapes and ends of lines that are no part of it included.

/// A place within a text as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Bytes from the opening quote.
    pub bytes: usize,
    /// The column of its line, from 1; on the first line the text begins after its quotes.
    pub column: usize,
}

/// Where byte `offset` of a text stands in `written`, the TOML of that text with its quotes.
pub(crate) fn spot(written: &str, offset: usize) -> Spot {
    let quotes =
        ["'''", "\"\"\"", "'", "\""].into_iter().find(|quotes| written.starts_with(quotes)).unwrap_or_default();
    let mut bytes = quotes.len();
    // The end of a line that follows three quotes is no part of the text.
    bytes += usize::from(bytes == 3 && written[bytes..].starts_with('\n'));
    if quotes.starts_with('"') {
        bytes += escaped(&written[bytes..], offset);
    } else {
        bytes += offset;
    }
    let before = written.get(..bytes).unwrap_or(written);
    let line = before.rfind('\n').map_or(quotes.len(), |newline| newline + 1);
    Spot { bytes, column: before[line..].chars().count() + 1 }
}

/// How many bytes are written before byte `offset` of a text that may hold escapes.
fn escaped(written: &str, offset: usize) -> usize {
    let (mut bytes, mut meant) = (0, 0);
    while let Some((more, stand_for)) = unit(&written[bytes..]) {
        if meant + stand_for > offset {
            break;
        }
        (bytes, meant) = (bytes + more, meant + stand_for);
    }
    bytes
}

/// The bytes of the next character or escape, and how many they stand for; `None` at the end.
fn unit(written: &str) -> Option<(usize, usize)> {
    let mut chars = written.chars();
    let first = chars.next()?;
    if first != '\\' {
        return Some((first.len_utf8(), first.len_utf8()));
    }
    let code = |digits: usize| {
        let code = written.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        code.and_then(char::from_u32).map_or((2, 1), |meant| (2 + digits, meant.len_utf8()))
    };
    Some(match chars.next() {
        Some('x') => code(2),
        Some('u') => code(4),
        Some('U') => code(8),
        // The end of a line, and whatever the next one begins with.
        Some(' ' | '\t' | '\n') => (written.len() - written[1..].trim_start_matches([' ', '\t', '\n']).len(), 0),
        Some(letter) => (1 + letter.len_utf8(), 1),
        None => (1, 0),
    })
}

#[cfg(test)]
mod tests;
