//! `example-registry-client HOST/REPOSITORY`

use std::error::Error;

use example_registry_client::{pull, push};
use sealift_core::content::Repository;
use sealift_registry_client::Client;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it is what the example is for")]
async fn main() -> Result<(), Box<dyn Error>> {
    let repository: Repository = std::env::args().nth(1).ok_or("name a repository: HOST/PATH")?.parse()?;
    let client = Client::builder().build()?;

    let image = repository.with_tag(&"hello".parse()?);
    let manifest = push(&client, &image, b"hello").await?;
    println!("pushed {image}: {}", manifest.digest());

    let tags = client.tags(&repository).await?.tags;
    println!("tags: {}", tags.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));

    let layers = pull(&client, &image).await?;
    println!("pulled {} bytes", layers.iter().map(bytes::Bytes::len).sum::<usize>());

    client.delete_manifest(&repository.with_digest(manifest.digest())).await?;
    println!("deleted {}", manifest.digest());
    Ok(())
}
