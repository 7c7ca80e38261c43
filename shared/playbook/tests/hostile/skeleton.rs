//! The skeleton of an HTML document: its elements and comments, without its text and without what is in its attributes,
//! but for the attributes that lead somewhere or run something.
//!
//! Reads as browsers do where it matters here: quotes end a value, `-->` a comment, and the raw text of `style` and `title`
//! ends with its own closing tag. What a browser would mend is refused.

/// Elements whose content is text, whatever stands in it.
const RAW: [&str; 4] = ["style", "title", "script", "textarea"];
/// Elements that are never closed.
const VOID: [&str; 7] = ["meta", "link", "img", "br", "hr", "input", "col"];

/// In the order of the document: `<a class href=https://…>`, `</a>`, `<!--…-->`.
#[derive(Debug, PartialEq, Eq)]
pub struct Skeleton(Vec<String>);

impl Skeleton {
    /// The first place at which two differ.
    pub fn difference(&self, other: &Self) -> String {
        let at = self.0.iter().zip(&other.0).position(|(mine, theirs)| mine != theirs);
        let at = at.unwrap_or(self.0.len().min(other.0.len()));
        format!("{:?} stands where {:?} stood", self.0.get(at), other.0.get(at))
    }
}

/// The skeleton of a document.
///
/// # Errors
/// What a browser would have to mend, with what stands there.
pub fn skeleton(html: &str) -> Result<Skeleton, String> {
    let (mut bones, mut open) = (Vec::new(), Vec::new());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let at = &rest[start..];
        if at.starts_with("<!--") {
            let end = at.find("-->").ok_or_else(|| fault("a comment without an end", at))?;
            // Mail readers of one maker read the HTML within comments: it counts as written.
            bones.push(at[..end].to_owned());
            rest = &at[end + 3..];
            continue;
        }
        if at.starts_with("<!") {
            let end = at.find('>').ok_or_else(|| fault("a declaration without an end", at))?;
            bones.push(at[..end].to_owned());
            rest = &at[end + 1..];
            continue;
        }
        if let Some(closing) = at.strip_prefix("</") {
            let end = closing.find('>').ok_or_else(|| fault("a closing tag without an end", at))?;
            let name = closing[..end].trim().to_ascii_lowercase();
            if open.pop().as_ref() != Some(&name) {
                return Err(fault("a closing tag of what is not open", at));
            }
            bones.push(format!("</{name}>"));
            rest = &closing[end + 1..];
            continue;
        }
        let (name, bone, after) = tag(at)?;
        bones.push(bone);
        rest = after;
        if RAW.contains(&name.as_str()) {
            let end =
                rest.to_ascii_lowercase().find(&format!("</{name}")).ok_or_else(|| fault("no end of raw text", at))?;
            rest = &rest[end..];
        }
        if !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    match open.pop() {
        Some(name) => Err(format!("<{name}> is not closed")),
        None => Ok(Skeleton(bones)),
    }
}

/// An opening tag: its name, its bone, what comes after it.
fn tag(at: &str) -> Result<(String, String, &str), String> {
    let mut rest = &at[1..];
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != ':').unwrap_or(rest.len());
    if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(fault("a < that begins no tag", at));
    }
    let name = rest[..end].to_ascii_lowercase();
    let mut bone = format!("<{name}");
    rest = &rest[end..];
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
            bone.push('>');
            return Ok((name, bone, after));
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || "=>/".contains(c))
            .ok_or_else(|| fault("a tag without an end", at))?;
        let attribute = rest[..end].to_ascii_lowercase();
        if attribute.is_empty() || attribute.contains(['"', '\'', '<']) {
            return Err(fault("an attribute without a name", at));
        }
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after
                .chars()
                .next()
                .filter(|c| "\"'".contains(*c))
                .ok_or_else(|| fault("a value without quotes", at))?;
            let end = after[1..].find(quote).ok_or_else(|| fault("a value without an end", at))?;
            value = &after[1..=end];
            rest = &after[end + 2..];
        }
        bone.push_str(&format!(" {attribute}"));
        if !matches!(attribute.as_str(), "aria-label" | "alt" | "title") {
            bone.push_str(&format!("={value}"));
        }
    }
}

fn fault(what: &str, at: &str) -> String {
    format!("{what}: {}", at.chars().take(80).collect::<String>())
}
