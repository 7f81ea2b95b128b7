//! That the double refuses by itself what Harbor refuses, in Harbor's words.

mod asking;
mod projects;
mod pushing;
mod refusing;
