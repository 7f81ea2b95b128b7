//! All built-in plugins of Sealift, linked in one line.
