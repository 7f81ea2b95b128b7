//! An OCI image layout on disk: atomic blobs, index.json, lock.
