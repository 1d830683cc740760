//! Pure: the digests that chains are made with.

use sha2::Sha256;
use sm3::Sm3;

/// A digest of 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SM3 (GB/T 32905-2016).
    Sm3,
}

impl Digest {
    /// The digest of bytes in lower-case hexadecimal, 64 characters.
    pub fn hex(self, bytes: &[u8]) -> String {
        match self {
            Self::Sha256 => hex::encode(<Sha256 as sha2::Digest>::digest(bytes)),
            Self::Sm3 => hex::encode(<Sm3 as sm3::Digest>::digest(bytes)),
        }
    }
}

/// SM3 of bytes in lower-case hexadecimal.
pub fn sm3_hex(bytes: &[u8]) -> String {
    Digest::Sm3.hex(bytes)
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn the_digests_are_those_of_the_standards() {
        // The first example of GB/T 32905-2016, annex A, and of FIPS 180-4's test vectors.
        let sm3 = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::Sm3.hex(b"abc"), sm3);
        assert_eq!(Digest::Sha256.hex(b"abc"), sha);
    }
}
