//! `sqlx`.
