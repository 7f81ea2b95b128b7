//! Push into an OCI image layout on disk.
