//! The login of this crate keeps the rules that all logins keep, at a double of the API.

use sealift_conformance::Given;
use sealift_login_alibaba as _;
use sealift_testkit::cloud::Cloud;
use serde_json::json;

async fn given() -> Given {
    let token = json!({"data": {"tempUserName": "cr_temp_user", "authorizationToken": "s3cret", "expireDate": 1}});
    let enterprise = json!({"TempUsername": "cr_temp_user", "AuthorizationToken": "s3cret", "Code": "success"});
    let cloud = Cloud::start(move |asked| {
        let body = if asked.path == "/tokens" { &token } else { &enterprise };
        (200, String::new(), body.clone())
    })
    .await;
    let login = format!(
        "[[login]]\nuse = \"alibaba\"\nhosts = [\"*.acme.example\"]\nregion = \"cn-hangzhou\"\ninstance = \"cri-1\"\n\
         access_key = \"id\"\nsecret_key = {{ env = \"SECRET\" }}\nendpoint = \"{}\"\n",
        cloud.url()
    );
    Given::new(login).env("SECRET", "secret").keep(cloud)
}

sealift_conformance::conformance!(login: given().await);
