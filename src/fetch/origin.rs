//! Origins in words.

use crate::net::address::Address;
use crate::plan::Origin;

pub(super) fn label(origin: &Origin) -> String {
    match origin {
        Origin::File(path) | Origin::MirrorFolder(path) => path.display().to_string(),
        Origin::Url(address) | Origin::MirrorUrl(address) => address.to_string(),
        Origin::Store => "the store".to_owned(),
        Origin::PythonOrg(base) => host_of(base),
        Origin::HostPackages => "the host's source packages".to_owned(),
    }
}

/// The host of an address, without `www.`.
pub(super) fn host_of(address: &Address) -> String {
    let (host, _) = address.authority();
    host.map_or_else(
        || address.to_string(),
        |host| host.strip_prefix("www.").unwrap_or(host).to_owned(),
    )
}

pub(super) fn needs_network(origin: &Origin) -> bool {
    match origin {
        Origin::File(_) | Origin::Store | Origin::MirrorFolder(_) => false,
        Origin::Url(address) | Origin::MirrorUrl(address) | Origin::PythonOrg(address) => {
            address.to_file_path().is_none()
        }
        Origin::HostPackages => true,
    }
}
