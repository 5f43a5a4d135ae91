//! The release managers who sign CPython's source releases, and their keys.

#[derive(Debug)]
pub(super) struct ReleaseManager {
    pub(super) name: &'static str,
    /// In upper-case hexadecimal digits.
    pub(super) fingerprint: &'static str,
    /// The series that the key may sign.
    pub(super) series: &'static [(u32, u32)],
    /// Armored; text before the armor names its origin.
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
    use crate::fetch::signature::key_validity::newest_self_signature;
    use crate::fetch::signature::openpgp::{Armor, Certificate, Packet, Reader, kind};

    #[test]
    fn each_embedded_key_has_its_fingerprint_and_only_the_packets_that_are_needed() {
        for manager in &RELEASE_MANAGERS {
            let keys = Certificate::read_all(manager.key.as_bytes()).unwrap();
            let [key] = keys.as_slice() else {
                panic!("{} has {} keys", manager.name, keys.len());
            };
            let primary = &key.primary.subject;
            assert_eq!(hex::encode_upper(primary.fingerprint), manager.fingerprint);
            newest_self_signature(key).unwrap();
            assert!(key.primary.signatures.is_empty());
            let [user] = key.users.as_slice() else {
                panic!("{} has {} user IDs", manager.name, key.users.len());
            };
            assert_eq!(user.signatures.len(), 1, "{}", manager.name);
            for subkey in &key.subkeys {
                let valid = key.valid(subkey, |it| it == kind::SUBKEY_BINDING).count();
                assert_eq!((valid, subkey.signatures.len()), (1, 1), "{}", manager.name);
            }
            // The attributes of a user, such as a photo, are a packet of their own.
            let mut packets = 3 + 2 * key.subkeys.len();
            let armor = Armor::first(manager.key, Armor::PUBLIC_KEY)
                .unwrap()
                .unwrap();
            let mut reader = Reader(&armor.packets);
            while Packet::next(&mut reader).unwrap().is_some() {
                packets -= 1;
            }
            assert_eq!(packets, 0, "{}", manager.name);
            assert!(
                manager.key.contains(manager.fingerprint),
                "{}",
                manager.name
            );
        }
    }

    #[test]
    fn every_series_with_ensurepip_before_3_14_has_one_signer() {
        let all: Vec<_> = RELEASE_MANAGERS
            .iter()
            .flat_map(|manager| manager.series.iter().copied())
            .collect();
        let expected: BTreeSet<_> = (4..14).map(|minor| (3, minor)).chain([(2, 7)]).collect();
        assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), expected);
        assert_eq!(all.len(), expected.len());
    }
}
