use std::sync::Arc;

use sealift_core::plugin::Purpose;

use super::*;

fn find(text: &str) -> Finder {
    let mut finder = Finder::default();
    finder.read(&Input { name: "a.yaml".into(), text: text.to_owned(), directory: ".".into(), named: true });
    finder
}

fn files(name: &str) -> Kubernetes {
    Kubernetes { files: vec![name.to_owned()], exclude: Vec::new(), paths: Vec::new() }
}

fn images(text: &str) -> Vec<String> {
    let finder = find(text);
    assert_eq!(finder.errors, []);
    finder.mentions.iter().map(|mention| format!("{} {}", mention.image, mention.place.line)).collect()
}

#[test]
fn every_kind_of_container_is_found_wherever_a_pod_is_described() {
    let text = r#"# Source: chart/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      initContainers:
        - name: wait
          image: "busybox:1.36"
      containers:
        - name: app
          image: quay.io/a/app:v1
        - image: 'ghcr.io/b/side@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
      volumes:
        - name: model
          image:
            reference: quay.io/a/model:v2
            pullPolicy: IfNotPresent
---
---
apiVersion: v1
kind: List
items:
  - kind: Pod
    spec:
      ephemeralContainers: [{name: debug, image: debug}]
  - kind: CronJob
    spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: h.io:5000/cron:1}]}}}}}
"#;
    assert_eq!(
        images(text),
        [
            "docker.io/library/busybox:1.36 9",
            "quay.io/a/app:v1 12",
            "ghcr.io/b/side@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 13",
            "quay.io/a/model:v2 17",
            "docker.io/library/debug:latest 26",
            "h.io:5000/cron:1 28",
        ]
    );
}

#[test]
fn resources_of_operators_are_looked_through() {
    let text = "kind: Prometheus\nspec:\n  image: quay.io/prometheus/prometheus:v3\n  thanos: {image: quay.io/thanos/thanos:v1}\n";
    assert_eq!(images(text), ["quay.io/prometheus/prometheus:v3 3", "quay.io/thanos/thanos:v1 4"]);
    let schema =
        "kind: CustomResourceDefinition\nschema: {properties: {image: {type: string, description: the image}}}\n";
    assert_eq!(images(schema), [""; 0]);
}

#[test]
fn an_image_in_parts_is_put_together() {
    let text = r#"kind: Shop
spec:
  image: {repository: quay.io/a/app, tag: v1}
  api: {image: {registry: quay.io, repository: a/api, tag: 1.27, pullPolicy: Always}}
  cache: {image: {registry: docker.io, repository: redis, tag: "", digest: ~}}
  job:
    image:
      registry: ghcr.io/
      repository: b/job
      digest: sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
      sidecar: {image: h.io/c/side:2}
"#;
    assert_eq!(
        images(text),
        [
            "quay.io/a/app:v1 3",
            "quay.io/a/api:1.27 4",
            "docker.io/library/redis:latest 5",
            "ghcr.io/b/job@sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 9",
            "h.io/c/side:2 11",
        ]
    );
    let schema =
        "schema: {properties: {image: {properties: {repository: {type: string}}, repository: {type: string}}}}";
    assert_eq!(images(schema), [""; 0]);
}

#[test]
fn parts_that_make_no_reference_are_left_out_and_that_is_said() {
    let text = "spec:\n  image:\n    repository: quay.io/a/App\n    tag: v1\n  x: {image: {repository: ~, tag: v1}}\n";
    let finder = find(text);
    assert!(finder.mentions.is_empty() && finder.errors.is_empty());
    assert_eq!(
        finder.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "a.yaml:3:17: `quay.io/a/App:v1` under `image` is no reference and is left out",
            "a.yaml:5:27: `:v1` under `image` is no reference and is left out",
        ]
    );
}

// `tag: [2.0]` was read as no tag, so `latest` was copied.
#[test]
fn a_part_that_is_no_text_is_never_taken_for_missing() {
    let text = "a: {image: {repository: h.io/a, tag: [2.0]}}\nb: {image: {repository: h.io/b, digest: {x: y}}}\n\
                c: {image: 5}\nd: {image: {type: object}}\n";
    let finder = find(text);
    assert!(finder.mentions.is_empty() && finder.errors.is_empty());
    assert_eq!(
        finder.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "a.yaml:1:38: an image under `image`, whose `tag` is a list, cannot be read and is left out",
            "a.yaml:2:41: an image under `image`, whose `digest` is a map, cannot be read and is left out",
            "a.yaml:3:12: `5` under `image` is no reference and is left out",
        ]
    );
    assert_eq!(finder.left_out.len(), 3);
}

#[test]
fn json_is_read_too() {
    let text = "{\n  \"kind\": \"Pod\",\n  \"spec\": {\"containers\": [\n    {\"image\": \"nginx:1\"}\n  ]}\n}\n";
    assert_eq!(images(text), ["docker.io/library/nginx:1 4"]);
}

#[test]
fn aliases_are_followed_for_images_and_not_counted_twice() {
    let text = "x: &image nginx:1\ny: &pod {containers: [{image: *image}]}\nz: *pod\n";
    assert_eq!(images(text), ["docker.io/library/nginx:1 2"]);
}

#[test]
fn what_no_container_can_run_is_an_error_with_its_place() {
    let text = "spec:\n  containers:\n    - image: Nginx:1\n    - image: {repository: nginx}\n    - image: 1.27\n    - image:\n    - image: \"\"\n";
    let errors: Vec<String> = find(text).errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "a.yaml:3:14: `Nginx` is not a repository path: lower-case letters, digits and single separators `.` `_` `-` only",
            "a.yaml:4:14: expected the name of an image, found a map",
            "a.yaml:5:14: expected the name of an image, found `1.27`",
            "a.yaml:7:14: the name is empty",
        ]
    );
}

#[test]
fn a_chart_that_was_not_rendered_is_recognised() {
    let errors = find("spec:\n  containers:\n    - image: {{ .Values.image }}\n").errors;
    assert_eq!(errors[0].hint.as_deref(), Some(RENDER));
    let errors = find("spec:\n  containers:\n    - image: \"{{ .Values.image }}\"\n").errors;
    assert_eq!(errors[0].hint.as_deref(), Some(RENDER));
}

#[test]
fn a_chart_that_was_not_rendered_is_recognised_outside_of_containers_too() {
    for image in ["\"{{ .Values.image }}\"", "{{ .Values.image }}", "{repository: \"{{ .Values.image }}\", tag: v1}"] {
        let finder = find(&format!("spec:\n  image: {image}\n"));
        assert_eq!(finder.warnings.len(), 1, "{image}");
        assert_eq!(finder.warnings[0].hint.as_deref(), Some(RENDER), "{image}");
    }
}

#[test]
fn a_text_elsewhere_that_is_no_reference_is_left_out_and_that_is_said() {
    let finder = find("spec:\n  steps:\n    - image: $(params.image)\n");
    assert!(finder.mentions.is_empty() && finder.errors.is_empty());
    let said = finder.warnings[0].to_string();
    assert_eq!(said, "a.yaml:3:14: `$(params.image)` under `image` is no reference and is left out");
}

#[test]
fn a_directory_is_read_in_order_and_further_down() {
    let base = tempfile::tempdir().unwrap();
    let write = |name: &str, image: &str| {
        let path = base.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("containers: [{{image: {image}}}]\n")).unwrap();
    };
    write("k/b.yml", "b:1");
    write("k/a/z.yaml", "z:1");
    write("k/c.json", "c:1");
    write("k/values.txt", "NOT:1");
    write("k/.git/x.yaml", "NOT:2");
    let cx = BuildContext::new(Arc::new(|_| None), base.path(), Purpose::Run);
    let names = manifests_in(&base.path().join("k")).unwrap();
    let names: Vec<_> = names.iter().map(|path| path.strip_prefix(base.path()).unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["k/a/z.yaml", "k/b.yml", "k/c.json"]);
    assert!(files("k").build(&cx).is_ok());
    assert!(cx.take_warnings().is_empty());
    write("k/a/bad.yaml", "[");
    write("k/d.yaml", "BAD:1");
    let problems = files("k").build(&cx).err().unwrap().into_problems();
    let files: Vec<_> =
        problems.iter().map(|problem| problem.diagnostic.location.as_ref().unwrap().file.to_string()).collect();
    assert_eq!(files, ["k/a/bad.yaml", "k/d.yaml"], "all files are read, whatever is wrong with one");
}

#[test]
fn names_can_be_left_out() {
    let text = "kind: A\nspec: {image: logo.png}\n---\nkind: B\nspec: {image: ami-0abc}\n---\nspec:\n  containers:\n    - image: No Name\n    - image: a.io/b:1\n";
    let excluded = Excluded::new(&["*.png".to_owned(), "ami-*".to_owned(), "No*".to_owned()]).ok().unwrap();
    let mut finder = Finder { excluded, ..Finder::default() };
    finder.read(&Input { name: "a.yaml".into(), text: text.to_owned(), directory: ".".into(), named: true });
    assert_eq!(finder.errors, []);
    let found: Vec<_> = finder.mentions.iter().map(|mention| mention.image.to_string()).collect();
    assert_eq!(found, ["a.io/b:1"]);
}

// `kubectl get -o yaml` prints the digests of what runs, without a name.
#[test]
fn the_status_of_a_resource_is_no_wish() {
    let text =
        "kind: Pod\nspec: {containers: [{image: a.io/b:1}]}\nstatus:\n  containerStatuses: [{image: 'sha256:af85'}]\n";
    assert_eq!(images(text), ["a.io/b:1 2"]);
}

#[test]
fn paths_lead_to_further_images() {
    let text = r#"kind: Shop
spec:
  base: a.io/base:1
  all: [a.io/x:1, a.io/y:1]
  parts: {of: {registry: a.io, repository: parts, tag: 2}}
  components:
    - {name: web, from: a.io/web:1}
    - {from: a.io/second:1}
  template:
    containers:
      - name: manager
        image: a.io/manager:1
        env:
          - {name: PROXY_IMAGE, value: a.io/proxy:1}
          - {name: LEVEL, value: "no image"}
  image: a.io/twice:1
status: {base: a.io/status:1}
"#;
    let paths = [
        "spec.base",
        ".spec.all",
        "$.spec.parts.of",
        "spec.components[].from",
        "**.containers.manager.env.PROXY_*",
        "spec.image",
        "status.base",
    ];
    let paths = ImagePaths::new(&paths.map(ToOwned::to_owned)).ok().unwrap();
    let mut finder = Finder { paths, ..Finder::default() };
    finder.read(&Input { name: "a.yaml".into(), text: text.to_owned(), directory: ".".into(), named: true });
    assert_eq!((finder.errors.len(), finder.warnings.len()), (0, 0));
    let found: Vec<_> = finder.mentions.iter().map(|mention| mention.image.to_string()).collect();
    let names = ["base:1", "x:1", "y:1", "parts:2", "web:1", "second:1", "manager:1", "proxy:1", "twice:1"];
    assert_eq!(found, names.map(|name| format!("a.io/{name}")));
    for wrong in ["spec..image", "", "a.["] {
        assert!(ImagePaths::new(&[wrong.to_owned()]).is_err(), "{wrong}");
    }
}

#[test]
fn related_images_of_operators_are_found() {
    let env = "env: [{name: RELATED_IMAGE_DB, value: a.io/db:1}, {name: DB, value: a.io/not:1}, {name: RELATED_IMAGE_X, value: NO}]";
    let finder = find(&format!("kind: Deployment\nspec: {{containers: [{{name: m, image: a.io/m:1, {env}}}]}}\n"));
    let found: Vec<_> = finder.mentions.iter().map(|mention| mention.image.to_string()).collect();
    assert_eq!(found, ["a.io/m:1", "a.io/db:1"]);
    let said = finder.warnings[0].to_string();
    assert!(said.ends_with("`NO` in `RELATED_IMAGE_X` is no reference and is left out"), "{said}");
}

#[test]
fn a_file_of_another_kind_is_one_error() {
    for (text, holds) in [
        ("services:\n  a: {image: nginx}\n", "services of Compose"),
        ("nginx:1\nquay.io/a/b:1\n", "lines of text"),
        ("quay.io/a/b: h.io/b\n", "rules of image-syncer"),
    ] {
        let errors: Vec<String> = find(text).errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors, [format!("a.yaml:1:1: these are {holds}, and manifests of Kubernetes are expected")]);
    }
}

// `stage --exact` took images out of a directory because a list that could not read their names did not name them.
#[test]
fn what_cannot_be_read_is_handed_on_as_left_out() {
    for (text, what) in [
        ("spec:\n  steps:\n    - image: $(params.image)\n", "`$(params.image)` under `image` in a.yaml:3"),
        ("spec:\n  image: {{ .Values.image }}\n", "what stands under `image` in a.yaml:2"),
        ("kind: Pod\nspec:\n  containers:\n    - image: ~\n", "the `image` of a container in a.yaml:4"),
        ("spec:\n  env: [{name: RELATED_IMAGE_X, value: NO}]\n", "`NO` in `RELATED_IMAGE_X` in a.yaml:2"),
    ] {
        let finder = find(text);
        assert_eq!((finder.left_out, finder.warnings.len()), (vec![what.to_owned()], 1), "{text}");
    }
    let excluded = Finder { excluded: Excluded::new(&["$(*".to_owned()]).ok().unwrap(), ..Finder::default() };
    let text = "spec:\n  steps:\n    - image: $(params.image)\n".to_owned();
    let mut finder = excluded;
    finder.read(&Input { name: "a.yaml".into(), text, directory: ".".into(), named: true });
    assert!(finder.left_out.is_empty(), "what is excluded is meant to be left out");
}

#[test]
fn files_of_a_directory_that_are_empty_or_lead_nowhere_are_told() {
    let base = tempfile::tempdir().unwrap();
    std::fs::write(base.path().join("a.yaml"), "kind: Pod\nspec: {containers: [{image: a.io/a:1}]}\n").unwrap();
    std::fs::write(base.path().join("b.yaml"), "\n").unwrap();
    std::fs::write(base.path().join("c.yaml"), "# switched off\n").unwrap();
    let cx = BuildContext::new(Arc::new(|_| None), base.path(), Purpose::Run);
    assert!(files("").build(&cx).is_ok());
    let warnings: Vec<_> = cx.take_warnings().iter().map(|problem| problem.diagnostic.to_string()).collect();
    assert_eq!(warnings, ["`/b.yaml` is empty"]);
    std::os::unix::fs::symlink("nowhere", base.path().join("d.yaml")).unwrap();
    let wrong = files("").build(&cx).err().unwrap().into_problems();
    assert!(wrong[0].diagnostic.to_string().contains("cannot read `/d.yaml`: no such file"), "{wrong:?}");
}
