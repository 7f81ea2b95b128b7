//! Keep chosen platforms of an image.
