//! What a run does when the network, the data, the disk or the other side misbehaves.
//!
//! The cases have numbers, and `docs/reliability.md` says for each which test keeps its promise; [`promises`] checks
//! that page. A case that is not proven somewhere nearer to the code has its test here, named after it: the real
//! program runs in a [`scene`], and after it [`invariants`] hold, whatever went wrong.

#[cfg(target_os = "linux")]
mod clock;
mod data;
mod destination;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod disk;
mod hose;
mod invariants;
mod load;
mod network;
mod promises;
mod scene;
mod secrecy;
mod waiting;
