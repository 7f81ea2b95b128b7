//! Scanners of projects.

/// The scanner of a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scanner {
    /// There is none.
    #[default]
    Absent,
    /// One that an administrator switched off.
    Deactivated,
    /// One that takes images, and nothing else.
    Ready,
    /// One that is at work on every artifact already, as where a project scans what is pushed.
    Busy,
}
