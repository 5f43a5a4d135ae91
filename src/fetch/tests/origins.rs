//! Tests of fetching a release file, against servers on loopback.

use std::path::Path;
use std::time::Duration;

use super::{World, archive, xz_archive};
use crate::archive::compression::Compression;
use crate::digest::Sha256;
use crate::error::{ExitStatus, Explain as _};
use crate::fetch::{Error, VerifiedInputs, VerifiedSource};
use crate::plan::Origin;
use crate::testing::{Answer, Request, Server, address_of, refusing_address};

fn mirror(server: &Server) -> Origin {
    Origin::MirrorUrl(address_of(server))
}

#[track_caller]
fn assert_is_archive(inputs: &VerifiedInputs, origin: &str) {
    let VerifiedSource::Archive(found) = inputs.source() else {
        panic!("{inputs:?}");
    };
    assert_eq!(fs_err::read(found.path()).unwrap(), archive());
    assert_eq!(found.name(), "Python-3.11.2.tgz");
    assert_eq!(found.compression(), Compression::Gzip);
    assert_eq!(found.origin(), origin);
}

#[test]
fn python_org_gives_the_archive_and_the_store_keeps_it() {
    let server = Server::with(|request, _| match request.target.as_str() {
        "/ftp/python/3.11.2/Python-3.11.2.tgz" => {
            // Servers like to call it an encoding; it must not be unpacked.
            Answer::bytes(archive()).with_header("Content-Encoding", "gzip")
        }
        _ => Answer::status(404),
    });
    let world = World::new();
    let origins = [Origin::Store, Origin::PythonOrg(address_of(&server))];
    let inputs = world.fetch_from(&origins).unwrap();
    assert_is_archive(&inputs, "127.0.0.1");
    assert_eq!(world.said.phases(), "Python-3.11.2.tgz from 127.0.0.1\n");
    assert_is_archive(&world.fetch_from(&origins).unwrap(), "the store");
    assert_eq!(server.requests().len(), 1);
    assert!(world.partial_files().is_empty());
}

#[test]
fn a_mirror_is_asked_for_both_archives_in_both_layouts() {
    let server = Server::with(|request, _| match request.target.as_str() {
        "/3.11.2/Python-3.11.2.tar.xz" => Answer::bytes(xz_archive()),
        _ => Answer::status(404),
    });
    let world = World::new();
    let inputs = world.fetch_from(&[mirror(&server)]).unwrap();
    let VerifiedSource::Archive(found) = inputs.source() else {
        panic!("{inputs:?}");
    };
    assert_eq!(found.name(), "Python-3.11.2.tar.xz");
    assert_eq!(found.compression(), Compression::Xz);
    assert_eq!(
        server.targets(),
        [
            "/Python-3.11.2.tgz",
            "/3.11.2/Python-3.11.2.tgz",
            "/Python-3.11.2.tar.xz",
            "/3.11.2/Python-3.11.2.tar.xz"
        ]
    );
}

#[test]
fn a_request_that_meets_a_server_error_is_repeated() {
    let server = Server::with(|_, count| match count {
        0 | 1 => Answer::status(503),
        _ => Answer::bytes(archive()),
    });
    let world = World::new();
    world.fetch_from(&[mirror(&server)]).unwrap();
    assert_eq!(server.requests().len(), 3);
    assert!(world.said.details().contains("trying again"));
}

#[test]
fn a_server_that_demands_a_long_pause_is_not_asked_again() {
    let server = Server::with(|_, _| Answer::status(429).with_header("Retry-After", "3600"));
    let error = World::new().fetch_from(&[mirror(&server)]).unwrap_err();
    assert!(error.to_string().contains("429"), "{error}");
    assert_eq!(
        server
            .targets()
            .iter()
            .filter(|path| *path == "/Python-3.11.2.tgz")
            .count(),
        1
    );
}

#[test]
fn a_body_that_breaks_off_is_resumed() {
    let server = Server::with(|_, count| match count {
        0 => Answer::bytes(archive()).cut_always(500_000),
        _ => Answer::bytes(archive()),
    });
    let world = World::new();
    let inputs = world.fetch_from(&[mirror(&server)]).unwrap();
    assert_is_archive(&inputs, &server.url("/"));
    let from: Vec<_> = server.requests().iter().map(Request::range_start).collect();
    assert_eq!(from, [None, Some(500_000)]);
}

#[test]
fn a_server_that_ignores_the_range_begins_anew() {
    let server = Server::with(|_, count| match count {
        0 => Answer::bytes(archive()).cut_always(400_000),
        _ => Answer::bytes(archive()).ignoring_ranges(),
    });
    let world = World::new();
    let inputs = world.fetch_from(&[mirror(&server)]).unwrap();
    assert_is_archive(&inputs, &server.url("/"));
    assert_eq!(server.requests()[1].range_start(), Some(400_000));
}

#[test]
fn another_part_than_the_requested_one_is_refused() {
    // Its digest would be wrong, and the origin would be given up.
    let server = Server::with(|_, count| match count {
        0 => Answer::bytes(archive()).cut_always(400_000),
        1 => Answer::bytes(&archive()[500_000..])
            .with_status(206)
            .with_header("Content-Range", "bytes 500000-1200001/1200002"),
        _ => Answer::bytes(archive()),
    });
    let world = World::new();
    world.fetch_from(&[mirror(&server)]).unwrap();
    let from: Vec<_> = server.requests().iter().map(Request::range_start).collect();
    assert_eq!(from, [None, Some(400_000), None]);
}

#[test]
fn an_endless_answer_is_refused() {
    let server = Server::with(|_, _| Answer::bytes("beginning").claiming(2 << 30));
    let world = World::new();
    let error = world.fetch_from(&[mirror(&server)]).unwrap_err();
    assert!(error.to_string().contains("more than 1024 MiB"), "{error}");
    assert_eq!(server.requests().len(), 1);
    assert!(world.partial_files().is_empty());
}

#[test]
fn a_download_that_failed_is_resumed_by_the_next_run() {
    let world = World::new();
    let broken = Server::with(|request, _| {
        let is_first = request.range_start().is_none();
        Answer::bytes(archive()).cut_always(if is_first { 300_000 } else { 0 })
    });
    let error = world.fetch_from(&[mirror(&broken)]).unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error}");
    assert_eq!(broken.requests().len(), 3);
    assert_eq!(world.partial_files().len(), 1);

    let whole = Server::with(|_, _| Answer::bytes(archive()));
    world.fetch_from(&[mirror(&whole)]).unwrap();
    assert_eq!(whole.requests()[0].range_start(), Some(300_000));
    assert!(world.partial_files().is_empty());
}

#[test]
fn a_wrong_partial_file_of_an_earlier_run_is_not_blamed_on_an_origin() {
    let name = format!("{}.part", Sha256::of(&archive()));
    for left in [
        vec![0; 1000],
        vec![0; archive().len()],
        vec![0; 2 * archive().len()],
    ] {
        let world = World::new();
        fs_err::write(world.store.partial_dir().unwrap().join(&name), left).unwrap();
        let server = Server::with(|_, _| Answer::bytes(archive()));
        let inputs = world.fetch_from(&[mirror(&server)]).unwrap();
        assert_is_archive(&inputs, &server.url("/"));
    }
    // An earlier process was killed just before the last step: no request is needed.
    let world = World::new();
    fs_err::write(world.store.partial_dir().unwrap().join(&name), archive()).unwrap();
    world
        .fetch_from(&[Origin::MirrorUrl(refusing_address())])
        .unwrap();
}

#[test]
fn a_wrong_digest_is_never_asked_for_again_and_the_next_origin_is() {
    let portal = Server::with(|_, _| Answer::bytes("<html>Please log in</html>"));
    let server = Server::with(|_, _| Answer::bytes(archive()));
    let world = World::new();
    let inputs = world
        .fetch_from(&[mirror(&portal), mirror(&server)])
        .unwrap();
    assert_is_archive(&inputs, &server.url("/"));
    assert_eq!(portal.requests().len(), 1);
    assert_eq!(server.requests()[0].range_start(), None);
    assert!(world.said.details().contains("has the digest"));
}

#[test]
fn the_error_lists_the_answer_of_every_origin() {
    let missing = Server::with(|_, _| Answer::status(404));
    let wrong = Server::with(|_, _| Answer::bytes("something else"));
    let world = World::new();
    let folder = world.dir.path().join("mirror");
    let error = world
        .fetch_from(&[
            Origin::Store,
            Origin::MirrorFolder(folder.clone()),
            mirror(&missing),
            mirror(&wrong),
            Origin::PythonOrg(refusing_address()),
            Origin::HostPackages,
        ])
        .unwrap_err();
    let text = error.to_string();
    for wanted in [
        "the source of CPython 3.11.2 cannot be fetched from anywhere:\n",
        "\n    the store: not there\n",
        &format!("\n    {}: not there\n", folder.display()),
        &format!("{}Python-3.11.2.tar.xz answered 404", missing.url("/")),
        &format!(
            "{}Python-3.11.2.tgz has the digest {}",
            wrong.url("/"),
            Sha256::of(b"something else")
        ),
        &Sha256::of(&archive()).to_string(),
        "Python-3.11.2.tgz cannot be reached: ",
        "\n    the host's source packages: there is no apt-get on this host",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
    assert_eq!(error.exit_status(), ExitStatus::Input);
    assert!(error.hint().unwrap().contains("--mirror"));
    assert!(world.partial_files().is_empty());
}

#[test]
fn offline_only_local_folders_are_asked() {
    let server = Server::with(|_, _| Answer::bytes(archive()));
    let world = World::offline();
    let origins = [
        Origin::Store,
        mirror(&server),
        Origin::PythonOrg(address_of(&server)),
        Origin::HostPackages,
    ];
    let error = world.fetch_from(&origins).unwrap_err();
    assert_eq!(error.to_string().matches("not asked offline").count(), 3);
    assert!(error.hint().unwrap().contains("--offline"));
    assert!(server.requests().is_empty());

    world.file("mirror/3.11.2/Python-3.11.2.tgz", &archive());
    let folder = world.dir.path().join("mirror");
    let as_address = format!("file://{}", folder.display()).parse().unwrap();
    for origin in [
        Origin::MirrorFolder(folder.clone()),
        Origin::MirrorUrl(as_address),
    ] {
        let world = World::offline();
        world.fetch_from(&[origin]).unwrap();
    }
}

#[test]
fn a_wrong_file_in_a_mirror_folder_leads_to_the_next_origin() {
    let world = World::new();
    world.file("one/Python-3.11.2.tgz", b"broken");
    world.file("two/Python-3.11.2.tgz", &archive());
    let folder = |name: &str| Origin::MirrorFolder(world.dir.path().join(name));
    world.fetch_from(&[folder("one"), folder("two")]).unwrap();
    assert!(
        world
            .said
            .details()
            .contains(&Sha256::of(b"broken").to_string())
    );
}

#[test]
fn a_wrong_source_is_final_and_shows_both_digests() {
    let good = Server::with(|_, _| Answer::bytes(archive()));
    let bad = Server::with(|_, _| Answer::bytes("nothing"));
    let world = World::new();
    let file = world.file("Python-3.11.2.tgz", b"nothing");
    for origin in [Origin::File(file.clone()), Origin::Url(address_of(&bad))] {
        let error = world.fetch_from(&[origin, mirror(&good)]).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::WrongSource { .. }), "{text}");
        for digest in [Sha256::of(b"nothing"), Sha256::of(&archive())] {
            assert!(text.contains(&digest.to_string()), "{text}");
        }
    }
    let missing = Origin::File(Path::new("/nowhere/at/all").to_owned());
    let error = world.fetch_from(&[missing, mirror(&good)]).unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    assert!(good.requests().is_empty() && world.partial_files().is_empty());

    fs_err::write(&file, archive()).unwrap();
    let inputs = world.fetch_from(&[Origin::File(file.clone())]).unwrap();
    assert_is_archive(&inputs, &file.display().to_string());
}

#[test]
fn two_downloads_of_the_same_file_are_one() {
    let server = Server::with(|_, _| {
        std::thread::sleep(Duration::from_millis(100));
        Answer::bytes(archive())
    });
    let world = World::new();
    let start = std::sync::Barrier::new(3);
    let run = || {
        start.wait();
        world.fetch_from(&[mirror(&server)]).map(|_| ())
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        for run in runs {
            run.join().unwrap().unwrap();
        }
    });
    assert_eq!(server.requests().len(), 1);
    assert!(world.said.notes().contains("waiting for another pybuild"));
    assert!(world.partial_files().is_empty());
}
