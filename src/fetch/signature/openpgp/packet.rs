//! Packets and their fields (RFC 9580, sections 3 and 4).

/// The reason why bytes are not OpenPGP data.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(crate) &'static str);

/// The bytes that are not read yet.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let cut_off = Malformed("a packet is cut off");
        let (taken, rest) = self.0.split_at_checked(length).ok_or(cut_off)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A multiprecision integer without leading zeros. Its length is in bits (section 3.2).
    pub(super) fn mpi(&mut self) -> Result<&'a [u8], Malformed> {
        let bits = self.u16()?;
        let mut number = self.take(bits.div_ceil(8).into())?;
        while let [0, rest @ ..] = number {
            number = rest;
        }
        Ok(number)
    }

    /// A length of one, two or five octets; a first octet up to `last_of_two` has a second one.
    pub(super) fn length(&mut self, last_of_two: u8) -> Result<usize, Malformed> {
        match self.byte()? {
            short @ ..192 => Ok(short.into()),
            255 => Ok(self.u32()? as usize),
            high if high > last_of_two => Err(Malformed("a packet has a partial length")),
            high => Ok((usize::from(high - 192) << 8) + 192 + usize::from(self.byte()?)),
        }
    }
}

/// A packet with its type ID.
pub(crate) struct Packet<'a> {
    pub(crate) tag: u8,
    pub(crate) body: &'a [u8],
}

impl<'a> Packet<'a> {
    pub(crate) const SIGNATURE: u8 = 2;
    pub(super) const PUBLIC_KEY: u8 = 6;
    pub(super) const USER_ID: u8 = 13;
    pub(super) const PUBLIC_SUBKEY: u8 = 14;

    /// Reads the next packet, with a header of either format; `None` at the end.
    pub(crate) fn next(reader: &mut Reader<'a>) -> Result<Option<Self>, Malformed> {
        if reader.0.is_empty() {
            return Ok(None);
        }
        let (tag, length) = match reader.byte()? {
            first @ 0xc0.. => (first & 0x3f, reader.length(223)?),
            first @ 0x80.. => {
                let length = match first & 3 {
                    0 => reader.byte()?.into(),
                    1 => reader.u16()?.into(),
                    2 => reader.u32()? as usize,
                    _ => return Err(Malformed("a packet has no length")),
                };
                (first >> 2 & 0xf, length)
            }
            _ => return Err(Malformed("there are other bytes between the packets")),
        };
        let body = reader.take(length)?;
        Ok(Some(Self { tag, body }))
    }
}
