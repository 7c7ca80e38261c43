//! The letters to sales as they are read: their words, and that nothing in them is taken for markup.

use expect_test::expect_file;
use perennial_playbook::Company;
use perennial_tests::whole_playbook;
use send_nurture_email::sample::sales_mails;

fn company() -> Company {
    whole_playbook().company.clone()
}

#[test]
fn the_letters_to_sales_as_somebody_reads_them_on_a_watch() {
    let line = ["Which decision is stuck at the moment because nobody trusts the number?".to_owned()];
    let mails = sales_mails(&company(), "Fernhill Analytics", &line).expect("the templates can be filled");
    let text: String =
        mails.iter().map(|mail| format!("=== {}\nSubject: {}\n\n{}\n\n", mail.id, mail.subject, mail.text)).collect();
    // As they are sent: a date that must not be broken is one for the eyes only.
    assert!(!text.contains('\u{a0}'), "{text}");
    expect_file!["letters.txt"].assert_eq(&text);
}

#[test]
fn what_somebody_typed_is_no_markup_and_no_header() {
    let hostile = "<script>alert(1)</script>\"'&";
    let company = Company { name: hostile.to_owned(), ..company() };
    for mail in sales_mails(&company, hostile, &[hostile.to_owned()]).expect("the templates can be filled") {
        assert!(!mail.html.contains("<script"), "{}: {}", mail.id, mail.html);
        assert!(mail.html.contains("&lt;script&gt;"), "{}: {}", mail.id, mail.html);
        assert!(!mail.subject.chars().any(char::is_control), "{}: {}", mail.id, mail.subject);
    }
}
