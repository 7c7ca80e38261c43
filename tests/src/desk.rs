//! Somebody at the sales desk: signs in as a browser does, keeps the cookie, follows links, sends forms.

use axum::body::Bytes;
use http::{Request, Response, header};
use perennial::deployment::Deployment;

/// Somebody who has signed in.
#[derive(Clone)]
pub struct Desk {
    deployment: Deployment,
    /// The session, as a browser sends it.
    pub cookie: String,
}

/// A page, and where it was.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its address.
    pub path: String,
    /// Its status.
    pub status: u16,
    /// Where it leads, if it leads elsewhere.
    pub location: Option<String>,
    /// What it says.
    pub html: String,
}

impl Desk {
    /// Signs in by the authorizer, with the address as the token.
    ///
    /// # Panics
    /// If there is no session.
    pub async fn sign_in(deployment: &Deployment, address: &str) -> Self {
        let request = Request::post("/desk/session").header("authorization", format!("Bearer {address}"));
        let response = send(deployment, request.body(Bytes::new()).expect("a request")).await;
        let cookie = response.headers().get(header::SET_COOKIE).expect("a session").to_str().expect("text");
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        Self { deployment: deployment.clone(), cookie }
    }

    /// The same with another cookie, or with none.
    #[must_use]
    pub fn with_cookie(&self, cookie: &str) -> Self {
        Self { deployment: self.deployment.clone(), cookie: cookie.to_owned() }
    }

    /// Looks at a page.
    pub async fn get(&mut self, path: &str) -> Page {
        let request = Request::get(path).header(header::COOKIE, &self.cookie).body(Bytes::new());
        page(path, send(&self.deployment, request.expect("a request")).await)
    }

    /// Sends a form as it is.
    pub async fn post(&mut self, path: &str, body: &str) -> Page {
        let request = Request::post(path)
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        page(path, send(&self.deployment, request.body(body.to_owned().into()).expect("a request")).await)
    }

    /// Says a word of a lead by the form of its page, with these fields filled in besides.
    ///
    /// # Panics
    /// If the page has no form.
    pub async fn say(&mut self, lead: &Page, word: &str, fields: &[(&str, &str)]) -> Page {
        let mark = lead.mark().expect("a form");
        let more: String = fields.iter().map(|(name, value)| format!("&{name}={value}")).collect();
        self.post(&lead.path.clone(), &format!("form={mark}&word={word}{more}")).await
    }
}

impl Page {
    /// The page, if it has this status.
    ///
    /// # Panics
    /// If it has another.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.path, self.html);
        self
    }

    /// The addresses of the leads on it, in their order.
    pub fn leads(&self) -> Vec<String> {
        let links = self.html.split("href=\"/desk/leads/").skip(1);
        links.filter_map(|rest| rest.split('"').next()).map(|token| format!("/desk/leads/{token}")).collect()
    }

    /// Every address on it that is ours, in their order.
    pub fn links(&self) -> Vec<String> {
        let all = self.html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let all = all.map(|link| link.replace("&#x2f;", "/").replace("&amp;", "&"));
        all.filter(|link| link.starts_with('/')).collect()
    }

    /// What its forms carry.
    pub fn mark(&self) -> Option<&str> {
        self.html.split("name=\"form\" value=\"").nth(1)?.split('"').next()
    }

    /// The words that its forms say.
    pub fn words(&self) -> Vec<&str> {
        let words = self.html.split("name=\"word\" value=\"").skip(1);
        words.filter_map(|rest| rest.split('"').next()).collect()
    }
}

async fn send(deployment: &Deployment, request: Request<Bytes>) -> Response<Bytes> {
    deployment.world.http(request).await.expect("the world goes on")
}

fn page(path: &str, response: Response<Bytes>) -> Page {
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    Page { path: path.to_owned(), status, location, html: String::from_utf8_lossy(response.body()).into_owned() }
}
