//! Whether a mail can be read where it is opened.
//!
//! Owns what is measured of a shown page, and the judgement: nothing is wider than the window; headline and button stand where
//! one sees them without scrolling, and so does whatever else a mail must say at once; each text stands out from its ground as WCAG 2.2 asks for at level AA (1.4.3: 4.5 to 1, large
//! text 3 to 1). Never looks at a picture: it reads what the browser has computed.

use serde::Deserialize;

/// Measures a page that is shown; its value is a [`Measured`].
pub const MEASURE: &str = include_str!("looks/measure.js");
/// The first screen, in CSS pixels: headline and button stand in it.
pub const FIRST_SCREEN_PX: f64 = 600.0;
/// A pixel is divided where letters end.
const TOLERANCE_PX: f64 = 0.5;

/// What a browser has computed of a page. Lengths are CSS pixels.
#[derive(Clone, Debug, Deserialize)]
pub struct Measured {
    /// The window's.
    pub width: f64,
    /// The whole page's.
    pub height: u32,
    /// How wide the page is; wider than the window, it must be scrolled.
    pub scroll_width: f64,
    /// The first heading.
    pub headline: Option<Placed>,
    /// Links with a ground of their own.
    pub buttons: Vec<Placed>,
    /// Everything that is read.
    pub texts: Vec<Text>,
    /// The same in whole: every piece of text, in the order of reading, and where it ends.
    pub lines: Vec<Placed>,
}

/// Something, and where it ends.
#[derive(Clone, Debug, Deserialize)]
pub struct Placed {
    /// How it begins.
    pub text: String,
    /// The end, from the top of the page.
    pub bottom: f64,
}

/// A piece of text of one style.
#[derive(Clone, Debug, Deserialize)]
pub struct Text {
    /// How it begins.
    pub text: String,
    /// Its colour; none if it is not of sRGB.
    pub colour: Option<Colour>,
    /// What is behind it, nearest first; the last one covers. None if it is not known, as of a picture.
    pub behind: Option<Vec<Colour>>,
    /// The size of its letters.
    pub size_px: f64,
    /// From 100 to 900.
    pub weight: f64,
    /// Its left edge.
    pub left: f64,
    /// Its right edge.
    pub right: f64,
}

/// Red, green and blue from 0 to 255, and how much it covers from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Colour(pub f64, pub f64, pub f64, pub f64);

impl Colour {
    /// This, seen before another.
    fn over(self, ground: Self) -> Self {
        let mix = |mine: f64, theirs: f64| mine * self.3 + theirs * (1.0 - self.3);
        Self(mix(self.0, ground.0), mix(self.1, ground.1), mix(self.2, ground.2), 1.0)
    }

    /// Relative luminance as WCAG 2.2 defines it.
    fn luminance(self) -> f64 {
        let linear = |part: f64| {
            let part = part / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// The contrast ratio of two opaque colours, from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (mine, theirs) = (self.luminance(), other.luminance());
        (mine.max(theirs) + 0.05) / (mine.min(theirs) + 0.05)
    }
}

impl Text {
    /// Large as WCAG means it: 18 points, or 14 in bold.
    fn is_large(&self) -> bool {
        self.size_px >= 24.0 || (self.size_px >= 18.66 && self.weight >= 700.0)
    }

    /// How much it stands out from its ground.
    fn contrast(&self) -> Option<f64> {
        let ground = self.behind.as_ref()?.iter().rev().copied().reduce(|ground, layer| layer.over(ground))?;
        Some(self.colour?.over(ground).contrast(ground))
    }
}

/// Everything that is wrong with a page, in the order in which one would see it. `first` is what has to stand in the first screen
/// besides headline and button, with a word for what it is; a button is one that can be pressed.
pub fn judge(page: &Measured, first: &[(&str, String)]) -> Vec<String> {
    let mut problems = Vec::new();
    problems.extend(too_wide(page));
    problems.extend(too_low("headline", page.headline.as_ref()));
    let highest = page.buttons.iter().min_by(|one, other| one.bottom.total_cmp(&other.bottom));
    problems.extend(too_low("button", highest));
    problems.extend(not_said_at_once(page, first));
    problems.extend(page.texts.iter().filter_map(too_faint));
    problems
}

fn too_wide(page: &Measured) -> Vec<String> {
    let mut problems = Vec::new();
    let (width, limit) = (page.width, page.width + TOLERANCE_PX);
    if page.scroll_width > limit {
        problems.push(format!("the page is {:.0} px wide in a window of {width:.0}", page.scroll_width));
    }
    let outside = page.texts.iter().filter(|text| text.right > limit || text.left < -TOLERANCE_PX);
    problems.extend(outside.map(|text| {
        format!("“{}” stands from {:.0} to {:.0} px in a window of {width:.0}", text.text, text.left, text.right)
    }));
    problems
}

/// What has to stand in the first screen and does not. What a mail has nothing to say of is left out by whoever asks; nothing at all
/// where there should be words is a fault.
fn not_said_at_once(page: &Measured, first: &[(&str, String)]) -> Vec<String> {
    let is_first = |placed: &&Placed| placed.bottom <= FIRST_SCREEN_PX + TOLERANCE_PX;
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let screen: Vec<String> = page.lines.iter().filter(is_first).map(|line| words(&line.text)).collect();
    let screen = screen.join(" ");
    let has_button = |label: &str| page.buttons.iter().filter(is_first).any(|button| words(&button.text) == label);
    let missing = first.iter().filter(|(what, text)| {
        let text = words(text);
        let said = if *what == "button" { has_button(&text) } else { screen.contains(&text) };
        text.is_empty() || !said
    });
    missing
        .map(|(what, text)| format!("the {what} “{text}” does not stand in the first {FIRST_SCREEN_PX:.0} px"))
        .collect()
}

fn too_low(what: &str, found: Option<&Placed>) -> Option<String> {
    match found {
        None => Some(format!("there is no {what}")),
        Some(Placed { bottom, .. }) if *bottom <= FIRST_SCREEN_PX + TOLERANCE_PX => None,
        Some(Placed { text, bottom }) => {
            Some(format!("the {what} “{text}” ends at {bottom:.0} px, below the first {FIRST_SCREEN_PX:.0}"))
        }
    }
}

fn too_faint(text: &Text) -> Option<String> {
    let needed = if text.is_large() { 3.0 } else { 4.5 };
    match text.contrast() {
        None => Some(format!("the contrast of “{}” cannot be measured: a picture is behind it", text.text)),
        Some(contrast) if contrast >= needed => None,
        // Rounded down: 4.49 is not 4.5.
        Some(contrast) => {
            let shown = (contrast * 100.0).floor() / 100.0;
            Some(format!("the contrast of “{}” is {shown:.2} to 1, and {needed} is needed", text.text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Colour = Colour(255.0, 255.0, 255.0, 1.0);
    const BLACK: Colour = Colour(0.0, 0.0, 0.0, 1.0);

    fn grey(part: f64) -> Colour {
        Colour(part, part, part, 1.0)
    }

    fn text() -> Text {
        let behind = Some(vec![WHITE]);
        Text {
            text: "Hello".to_owned(),
            colour: Some(BLACK),
            behind,
            size_px: 16.0,
            weight: 400.0,
            left: 24.0,
            right: 351.0,
        }
    }

    fn page() -> Measured {
        let placed = |text: &str, bottom| Placed { text: text.to_owned(), bottom };
        Measured {
            width: 375.0,
            height: 900,
            scroll_width: 375.0,
            headline: Some(placed("Two numbers", 120.0)),
            buttons: vec![placed("Read on", 820.0), placed("Read", 600.0)],
            texts: vec![text()],
            lines: vec![
                placed("Two numbers", 120.0),
                placed("Ada asked\u{a0}for a price.", 580.0),
                placed("Later.", 640.0),
            ],
        }
    }

    #[test]
    fn what_has_to_be_said_at_once_stands_in_the_first_screen() {
        let check = |what: &'static str, text: &str, expected: &[&str]| {
            assert_eq!(judge(&page(), &[(what, text.to_owned())]), expected, "{what} {text:?}");
        };
        check("name", "Ada", &[]);
        check("reason", "asked for a\u{a0}price", &[]);
        check("headline", "Two numbers Ada", &[]);
        check("button", "Read", &[]);
        check("deadline", "Later.", &["the deadline “Later.” does not stand in the first 600 px"]);
        check("deadline", "", &["the deadline “” does not stand in the first 600 px"]);
        check("name", "Ben", &["the name “Ben” does not stand in the first 600 px"]);
        // Below the first screen, and words that are no button.
        check("button", "Read on", &["the button “Read on” does not stand in the first 600 px"]);
        check("button", "Two numbers", &["the button “Two numbers” does not stand in the first 600 px"]);
    }

    #[test]
    fn a_page_is_judged_by_what_a_reader_meets() {
        type Change = fn(&mut Measured);
        let rows: [(&str, Change, &[&str]); 15] = [
            ("as it should be", |_| {}, &[]),
            (
                "wider than the window",
                |page| page.scroll_width = 412.0,
                &["the page is 412 px wide in a window of 375"],
            ),
            (
                "letters beyond the edge",
                |page| page.texts[0].right = 376.0,
                &["“Hello” stands from 24 to 376 px in a window of 375"],
            ),
            (
                "letters before the edge",
                |page| page.texts[0].left = -3.0,
                &["“Hello” stands from -3 to 351 px in a window of 375"],
            ),
            ("half a pixel", |page| page.texts[0].right = 375.5, &[]),
            ("no headline", |page| page.headline = None, &["there is no headline"]),
            ("no button", |page| page.buttons.clear(), &["there is no button"]),
            (
                "a low headline",
                |page| page.headline.as_mut().unwrap().bottom = 602.0,
                &["the headline “Two numbers” ends at 602 px, below the first 600"],
            ),
            (
                "a low button",
                |page| page.buttons.truncate(1),
                &["the button “Read on” ends at 820 px, below the first 600"],
            ),
            // #767676 on white is the lightest grey that is enough, #777777 the darkest that is not.
            ("just enough contrast", |page| page.texts[0].colour = Some(grey(118.0)), &[]),
            (
                "just not enough",
                |page| page.texts[0].colour = Some(grey(119.0)),
                &["the contrast of “Hello” is 4.47 to 1, and 4.5 is needed"],
            ),
            (
                "large text needs less",
                |page| (page.texts[0].colour, page.texts[0].size_px) = (Some(grey(119.0)), 24.0),
                &[],
            ),
            (
                "large is large in bold",
                |page| (page.texts[0].colour, page.texts[0].size_px) = (Some(grey(119.0)), 19.0),
                &["the contrast of “Hello” is 4.47 to 1, and 4.5 is needed"],
            ),
            (
                "a veil over black",
                |page| page.texts[0].behind = Some(vec![Colour(255.0, 255.0, 255.0, 0.1), BLACK]),
                &["the contrast of “Hello” is 1.20 to 1, and 4.5 is needed"],
            ),
            (
                "a picture behind",
                |page| page.texts[0].behind = None,
                &["the contrast of “Hello” cannot be measured: a picture is behind it"],
            ),
        ];
        for (what, change, expected) in rows {
            let mut page = page();
            change(&mut page);
            assert_eq!(judge(&page, &[]), expected, "{what}");
        }
    }

    #[test]
    fn contrast_goes_from_one_to_twenty_one() {
        let ratio = |one: Colour, other: Colour| (one.contrast(other) * 100.0).round() / 100.0;
        assert_eq!((ratio(BLACK, WHITE), ratio(WHITE, BLACK), ratio(WHITE, WHITE)), (21.0, 21.0, 1.0));
        assert_eq!(ratio(Colour(31.0, 107.0, 82.0, 1.0), WHITE), 6.4);
    }
}
