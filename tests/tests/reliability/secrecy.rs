//! Group D: logins, and that nothing secret comes out.
