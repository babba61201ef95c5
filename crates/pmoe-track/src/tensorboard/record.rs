//! The framing of TensorBoard's files, which is that of TFRecord.

/// Returns the record of `data`: its length, a checksum of that, the data, a checksum of it; all little-endian.
pub(super) fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length), data, &checksum(data)].concat()
}

/// CRC-32C, rotated by 15 bits and shifted by a constant, so that a checksum of data with checksums in it is sound.
fn checksum(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_masked() {
        // CRC-32C of "123456789" is 0xe3069283 (RFC 3720, B.4 has others); its lowest 15 bits become the highest:
        // 0x2507c60d, and with the constant 0xc78ab0e5.
        assert_eq!(checksum(b"123456789"), 0xc78a_b0e5_u32.to_le_bytes());
        assert_eq!(record(b"123456789").len(), 8 + 4 + 9 + 4);
    }
}
