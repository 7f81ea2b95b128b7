//! A list of images that stand in the pipeline itself.
//!
//! The struct is what users write, the trait is what it does, the last line makes it known. The texts
//! that `sealift plugins` and `sealift explain list my-plugin` show are the doc comments of the struct.

use sealift_core::{
    async_trait,
    content::{ImageRef, Repository},
    error::{Error, ErrorKind, Result},
    job::{Candidate, Listing},
    outlet::Outlet,
    plugin::{BuildContext, ConfigError, Plugin, StageConfig},
    schemars::JsonSchema,
    serde::Deserialize,
    stage::List,
};

/// Lists the images that are named in the pipeline.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, crate = "sealift_core::serde")]
#[schemars(crate = "sealift_core::schemars")]
pub struct Config {
    /// The images, such as `quay.io/coreos/etcd:v3.5.0`; without a tag it is `latest`. At least one.
    #[schemars(length(min = 1), example = ["quay.io/coreos/etcd:v3.5.0"])]
    pub images: Vec<String>,
}

impl StageConfig<dyn List> for Config {
    fn build(self, _: &BuildContext<'_>) -> Result<Box<dyn List>, ConfigError> {
        let mut problems = ConfigError::default();
        let mut inventory = Inventory::default();
        for (number, name) in self.images.iter().enumerate() {
            match ImageRef::parse_or_latest(name) {
                Ok(image) => inventory.add(image),
                // All that is wrong is told at once, each at its place.
                Err(error) => {
                    let problem = ConfigError::new(error.to_string());
                    problems = problems.and(problem.at(format!("images[{number}]")));
                }
            }
        }
        problems.or_ok(Box::new(inventory))
    }
}

/// The stage. One that asks a database or an API keeps its client here, and asks in `list`: building
/// a stage is quick and asks nobody.
#[derive(Default)]
struct Inventory(Vec<Listing>);

impl Inventory {
    /// Tags of one repository belong together: filters such as `newest` choose among them.
    fn add(
        &mut self,
        ImageRef {
            repository,
            reference,
        }: ImageRef,
    ) {
        let candidate = Candidate::new(reference);
        match self
            .0
            .iter_mut()
            .find(|listing| listing.repository == repository)
        {
            Some(listing) => listing.candidates.push(candidate),
            None => {
                let listing = Listing::new(repository, vec![candidate], "my-plugin");
                self.0.push(listing);
            }
        }
    }
}

#[async_trait]
impl List for Inventory {
    async fn list(&self, out: &Outlet) -> Result<()> {
        // Waits while the engine has enough to do; fails once nobody wants more, and so do we. A list that finds one
        // repository after the other uses `send` for each.
        out.send_all(&self.0).await
    }

    async fn list_repository(&self, repository: &Repository, out: &Outlet) -> Result<()> {
        match self
            .0
            .iter()
            .find(|listing| listing.repository == *repository)
        {
            Some(listing) => out.send(listing.clone()).await,
            None => Err(Error::new(
                ErrorKind::Bug,
                format!("`{repository}` is not in the list"),
            )),
        }
    }
}

sealift_core::inventory::submit! { Plugin::list::<Config>("my-plugin") }

#[cfg(test)]
mod tests;
