//! The people who sign CPython's source releases, and their keys.

/// Somebody who signs releases.
#[derive(Debug)]
pub(super) struct ReleaseManager {
    /// Who it is.
    pub(super) name: &'static str,
    /// The fingerprint of the key, in capital hexadecimal digits.
    pub(super) fingerprint: &'static str,
    /// The series that the key signs; a signature of anything else is refused.
    pub(super) series: &'static [(u32, u32)],
    /// The key, armored; text before the armor says where it is from.
    pub(super) key: &'static str,
}

/// As python.org lists them for the releases that have `ensurepip`
/// (<https://www.python.org/downloads/metadata/pgp/>). PEP 761 ended these signatures with 3.14.
pub(super) const RELEASE_MANAGERS: [ReleaseManager; 6] = [
    ReleaseManager {
        name: "Benjamin Peterson",
        fingerprint: "C01E1CAD5EA2C4F0B8E3571504C367C218ADD4FF",
        series: &[(2, 7)],
        key: include_str!("../../../keys/benjamin-peterson.asc"),
    },
    ReleaseManager {
        name: "Larry Hastings",
        fingerprint: "97FC712E4C024BBEA48A61ED3A5CA953F73C700D",
        series: &[(3, 4), (3, 5)],
        key: include_str!("../../../keys/larry-hastings.asc"),
    },
    ReleaseManager {
        name: "Ned Deily",
        fingerprint: "0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D",
        series: &[(3, 6), (3, 7)],
        key: include_str!("../../../keys/ned-deily.asc"),
    },
    ReleaseManager {
        name: "Łukasz Langa",
        fingerprint: "E3FF2839C048B25C084DEBE9B26995E310250568",
        series: &[(3, 8), (3, 9)],
        key: include_str!("../../../keys/lukasz-langa.asc"),
    },
    ReleaseManager {
        name: "Pablo Galindo Salgado",
        fingerprint: "A035C8C19219BA821ECEA86B64E628F8D684696D",
        series: &[(3, 10), (3, 11)],
        key: include_str!("../../../keys/pablo-galindo-salgado.asc"),
    },
    ReleaseManager {
        name: "Thomas Wouters",
        fingerprint: "7169605F62C751356D054A26A821E680E5FA6305",
        series: &[(3, 12), (3, 13)],
        key: include_str!("../../../keys/thomas-wouters.asc"),
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::RELEASE_MANAGERS;
    use crate::fetch::signature::key_validity::KeyValidity;
    use crate::fetch::signature::keyring::read_keys;
    use pgp::types::KeyDetails as _;

    #[test]
    fn each_embedded_key_has_the_fingerprint_that_is_built_in_and_nothing_that_is_not_needed() {
        for manager in &RELEASE_MANAGERS {
            let keys = read_keys(manager.key.as_bytes()).unwrap();
            let [key] = keys.as_slice() else {
                panic!("{} has {} keys", manager.name, keys.len());
            };
            assert_eq!(format!("{:X}", key.fingerprint()), manager.fingerprint);
            key.verify_bindings().unwrap();
            KeyValidity::of(key).unwrap();
            assert_eq!(key.details.users.len(), 1, "{}", manager.name);
            assert_eq!(key.details.users[0].signatures.len(), 1, "{}", manager.name);
            assert!(key.details.user_attributes.is_empty());
            assert!(
                manager.key.contains(manager.fingerprint),
                "{}",
                manager.name
            );
        }
    }

    #[test]
    fn every_series_with_ensurepip_up_to_the_end_of_openpgp_has_one_signer() {
        let all: Vec<_> = RELEASE_MANAGERS
            .iter()
            .flat_map(|manager| manager.series.iter().copied())
            .collect();
        let expected: BTreeSet<_> = (4..14).map(|minor| (3, minor)).chain([(2, 7)]).collect();
        assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), expected);
        assert_eq!(all.len(), expected.len());
    }
}
