//! Packets and their fields (RFC 9580, sections 3 and 4).

/// The reason why bytes are not OpenPGP data.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

const CUT_OFF: Malformed = Malformed("a packet is cut off");

/// The bytes that are not read yet.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<usize, Malformed> {
        self.array().map(|bytes| u16::from_be_bytes(bytes).into())
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A multiprecision integer without leading zeros. Its length is in bits (section 3.2).
    pub(super) fn mpi(&mut self) -> Result<&'a [u8], Malformed> {
        let bits = self.u16()?;
        let mut number = self.take(bits.div_ceil(8))?;
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
            high if high <= last_of_two => {
                Ok((usize::from(high - 192) << 8) + 192 + usize::from(self.byte()?))
            }
            // Only packets of message data may have one (section 4.2.1.4).
            _ => Err(Malformed("a packet has a partial length")),
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
        let Some(&first) = reader.0.first() else {
            return Ok(None);
        };
        reader.byte()?;
        let (tag, length) = match first {
            0xc0.. => (first & 0x3f, reader.length(223)?),
            0x80.. => {
                let length = match first & 3 {
                    0 => reader.byte()?.into(),
                    1 => reader.u16()?,
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
