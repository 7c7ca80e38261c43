//! A table, read whole and in parallel. Commands may scan; functions never do.
//!
//! Owns the reading only: the caller says which items and attributes it needs, and makes each item small.

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use futures::StreamExt as _;
use futures::stream;
use perennial_platform::failure::Failure;
use perennial_platform::store::Item;

/// A table is read in so many parts, so that progress can be shown …
const SEGMENTS: i32 = 16;
/// … and so many of them at once.
const AT_ONCE: usize = 8;

/// What is done at the moment, how much of it is done, and how much there is.
pub type Progress<'a> = &'a mut (dyn FnMut(&'static str, usize, usize) + Send);

/// Reads a table, part by part; each item is made small before the next page is asked for.
///
/// # Errors
/// [`Failure`] if the table cannot be read.
pub(crate) async fn whole<T>(
    scan: ScanFluentBuilder,
    read: impl Fn(Item) -> T,
    what: &'static str,
    progress: Progress<'_>,
) -> Result<Vec<T>, Failure> {
    let (scan, read) = (&scan, &read);
    let part = |segment: i32| async move {
        let scan = scan.clone().consistent_read(true).segment(segment).total_segments(SEGMENTS);
        let mut pages = scan.into_paginator().items().send();
        let mut seen = Vec::new();
        while let Some(item) = pages.next().await {
            seen.push(read(item.map_err(|error| Failure::from_sdk("table scan", &error))?));
        }
        Ok::<_, Failure>(seen)
    };
    let mut parts = stream::iter(0..SEGMENTS).map(part).buffer_unordered(AT_ONCE);
    let (mut all, mut done) = (Vec::new(), 0);
    while let Some(part) = parts.next().await {
        all.extend(part?);
        done += 1;
        progress(what, done, SEGMENTS as usize);
    }
    Ok(all)
}
