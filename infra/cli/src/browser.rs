//! A headless Chromium that shows one page after another.
//!
//! Owns finding it on the machine, its process, and the few calls of the DevTools protocol that are needed. The calls go through
//! two pipes that only its own process holds: no port is opened, and it ends when the pipes are closed. Never judges what a page
//! looks like, and shares no profile with the browser that somebody works in.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// The names under which it is installed, in the order in which they are tried.
const NAMES: [&str; 6] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chrome-headless-shell"];
/// Where it lies on macOS.
const APPLICATIONS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];
/// How long one call may take: a busy machine starts a browser in some seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Hands the process's standard input and output to the browser as its pipes 3 and 4, which is where it looks for them.
const PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The browser could not be started, or its pipes are closed.
    #[error("the browser {path} cannot be used: {why}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What happened.
        why: String,
    },
    /// It refused a call.
    #[error("the browser refused {call}: {why}")]
    Refused {
        /// The protocol's name of the call.
        call: &'static str,
        /// What it said.
        why: String,
    },
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// In CSS pixels.
    pub width: u32,
    /// What the reader has chosen.
    pub scheme: Scheme,
}

/// What a reader has chosen for the whole machine (`prefers-color-scheme`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Scheme {
    /// As CSS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The browser to use: the one that was asked for; else `$CHROME`; else by its usual names along `path`, `$PATH`.
///
/// # Errors
/// The name that was asked for, if there is no such file.
pub fn find(asked: Option<&OsStr>, chrome: Option<&OsStr>, path: Option<&OsStr>) -> Result<Option<PathBuf>, OsString> {
    let folders: Vec<PathBuf> = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let installed = |name: &OsStr| {
        // With a folder it is a path, as for a shell.
        if Path::new(name).components().count() > 1 {
            return Some(PathBuf::from(name)).filter(|file| file.is_file());
        }
        folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file())
    };
    if let Some(name) = asked.or(chrome.filter(|name| !name.is_empty())) {
        return installed(name).map(Some).ok_or_else(|| name.to_owned());
    }
    // Without a path nothing is looked for.
    let known = path.into_iter().flat_map(|_| NAMES.iter().chain(&APPLICATIONS));
    Ok(known.map(OsStr::new).find_map(installed))
}

/// A running browser with one page.
pub struct Browser {
    path: PathBuf,
    process: Child,
    calls: Option<ChildStdin>,
    answers: Receiver<Value>,
    last_id: u64,
    session: Option<String>,
    // Removed after the process has ended.
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one.
    ///
    /// # Errors
    /// [`BrowserError`] if it cannot be started or does not speak the protocol.
    pub fn start(path: &Path) -> Result<Self, BrowserError> {
        let unusable =
            |why: &dyn std::fmt::Display| BrowserError::Unusable { path: path.to_owned(), why: why.to_string() };
        let profile = tempfile::tempdir().map_err(|error| unusable(&error))?;
        let mut command = Command::new("sh");
        command.args(["-c", PIPES]).arg(path).args([
            "--headless",
            "--remote-debugging-pipe",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-extensions",
            "--hide-scrollbars",
            "--mute-audio",
            "--no-first-run",
            "--no-default-browser-check",
            // The same picture on every screen.
            "--force-color-profile=srgb",
            "--force-device-scale-factor=1",
        ]);
        if is_root(profile.path()) {
            // As root it refuses to start with its sandbox, and in a container it has none.
            command.arg("--no-sandbox");
        }
        let mut folder = OsString::from("--user-data-dir=");
        folder.push(profile.path());
        let command = command.arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(|error| unusable(&error))?;
        let (calls, said) = (process.stdin.take(), process.stdout.take());
        let answers = said.map(listen).ok_or_else(|| unusable(&"no pipe"))?;
        let mut browser =
            Self { path: path.to_owned(), process, calls, answers, last_id: 0, session: None, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let attached =
            browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}))?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", json!({}))?;
        Ok(browser)
    }

    /// Shows a document; the pictures in it are there when this returns, or could not be had.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser is gone or refuses.
    pub fn show(&mut self, html: &str, view: View) -> Result<(), BrowserError> {
        let View { width, scheme } = view;
        let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size)?;
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme.as_str()}]});
        self.call("Emulation.setEmulatedMedia", scheme)?;
        let tree = self.call("Page.getFrameTree", json!({}))?;
        self.call("Page.setDocumentContent", json!({"frameId": tree["frameTree"]["frame"]["id"], "html": html}))?;
        let loaded = "new Promise(done => document.readyState === 'complete' ? done(true) : addEventListener('load', () => done(true)))";
        self.evaluate(loaded).map(|_| ())
    }

    /// The value of an expression in the page, as JSON; a promise is waited for.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser is gone or the expression fails.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value, BrowserError> {
        const CALL: &str = "Runtime.evaluate";
        let wanted = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call(CALL, wanted)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(BrowserError::Refused { call: CALL, why: details["text"].to_string() }),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// The page from its top to `height` CSS pixels as PNG.
    ///
    /// # Errors
    /// [`BrowserError`] if the browser is gone or refuses.
    pub fn picture(&mut self, view: View, height: u32) -> Result<Vec<u8>, BrowserError> {
        const CALL: &str = "Page.captureScreenshot";
        let clip = json!({"x": 0, "y": 0, "width": view.width, "height": height, "scale": 1});
        let answer = self.call(CALL, json!({"format": "png", "captureBeyondViewport": true, "clip": clip}))?;
        let png = BASE64.decode(answer["data"].as_str().unwrap_or_default());
        png.map_err(|error| BrowserError::Refused { call: CALL, why: error.to_string() })
    }

    /// One call and its answer; events that come in between are of no interest.
    fn call(&mut self, method: &'static str, parameters: Value) -> Result<Value, BrowserError> {
        self.last_id += 1;
        let mut call = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        let mut message = call.to_string().into_bytes();
        message.push(0);
        let written = self.calls.as_mut().map(|calls| calls.write_all(&message).and_then(|()| calls.flush()));
        if !matches!(written, Some(Ok(()))) {
            return Err(self.gone("it has ended"));
        }
        loop {
            let answer = match self.answers.recv_timeout(PATIENCE) {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Timeout) => return Err(self.gone("it does not answer")),
                Err(RecvTimeoutError::Disconnected) => return Err(self.gone("it has ended")),
            };
            if answer["id"] == self.last_id {
                return match answer.get("error") {
                    Some(error) => Err(BrowserError::Refused { call: method, why: error["message"].to_string() }),
                    None => Ok(answer["result"].clone()),
                };
            }
        }
    }

    fn gone(&self, why: &str) -> BrowserError {
        BrowserError::Unusable { path: self.path.clone(), why: why.to_owned() }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends by itself when its pipe is closed, and removes its locks.
        self.calls = None;
        while self.answers.recv_timeout(PATIENCE / 12).is_ok() {}
        if !matches!(self.process.try_wait(), Ok(Some(_))) && self.process.kill().is_ok() {
            self.process.wait().ok();
        }
    }
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Browser({})", self.path.display())
    }
}

/// Reads what the browser says until it closes the pipe.
fn listen(said: std::process::ChildStdout) -> Receiver<Value> {
    let (heard, answers) = channel();
    std::thread::spawn(move || {
        for message in BufReader::new(said).split(0).map_while(Result::ok) {
            let Ok(message) = serde_json::from_slice(&message) else { continue };
            if heard.send(message).is_err() {
                return;
            }
        }
    });
    answers
}

/// Whether this process runs as root, by the owner of a folder that it has just made.
#[cfg(unix)]
fn is_root(made: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    made.metadata().is_ok_and(|folder| folder.uid() == 0)
}

#[cfg(not(unix))]
fn is_root(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_is_the_one_asked_for_or_the_first_that_is_installed() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        for (place, name) in [(&one, "google-chrome"), (&two, "chromium"), (&two, "mine")] {
            std::fs::create_dir_all(place).unwrap();
            std::fs::write(place.join(name), "").unwrap();
        }
        let path = std::env::join_paths([&one, &two]).unwrap();
        let found = |asked: Option<&str>, chrome: Option<&str>| {
            find(asked.map(OsStr::new), chrome.map(OsStr::new), Some(&path)).map_err(|name| name.into_string().unwrap())
        };
        assert_eq!(found(None, None), Ok(Some(two.join("chromium"))));
        assert_eq!(found(None, Some("")), Ok(Some(two.join("chromium"))));
        assert_eq!(found(None, Some("google-chrome")), Ok(Some(one.join("google-chrome"))));
        assert_eq!(found(Some("mine"), Some("google-chrome")), Ok(Some(two.join("mine"))));
        let by_path = two.join("mine");
        assert_eq!(found(by_path.to_str(), None), Ok(Some(by_path.clone())));
        // What was asked for is never replaced by another.
        assert_eq!(found(Some("firefox"), None), Err("firefox".to_owned()));
        assert_eq!(found(None, Some("/nowhere/chrome")), Err("/nowhere/chrome".to_owned()));
    }

    #[test]
    fn what_is_no_browser_is_an_error_and_no_hang() {
        let error = Browser::start(Path::new("/nowhere/chromium")).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "the browser /nowhere/chromium cannot be used: it has ended");
        let error = Browser::start(Path::new("/bin/true")).map(|_| ()).unwrap_err();
        assert!(matches!(error, BrowserError::Unusable { .. }), "{error}");
    }
}
