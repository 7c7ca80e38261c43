//! Another tool's history, played through the functions in virtual time.
