//! Keys, and signatures of the tests' archive, that gpg 2.2 made.

type KeyAndSignature = (&'static [u8], &'static [u8]);

macro_rules! made_by_gnupg {
    ($name:literal) => {
        (
            include_bytes!(concat!("gnupg/", $name, ".key")).as_slice(),
            include_bytes!(concat!("gnupg/", $name, ".asc")).as_slice(),
        )
    };
}

pub(super) const SUPPORTED: [KeyAndSignature; 4] = [
    made_by_gnupg!("rsa3072"),
    made_by_gnupg!("ed25519"),
    made_by_gnupg!("nistp256"),
    made_by_gnupg!("nistp384"),
];
pub(super) const RSA_1024: KeyAndSignature = made_by_gnupg!("rsa1024");
pub(super) const DSA_1024: KeyAndSignature = made_by_gnupg!("dsa1024");
