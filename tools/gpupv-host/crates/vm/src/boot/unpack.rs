// SPDX-License-Identifier: GPL-2.0
//! Undoing the compressions that kernels, their modules and their initial file systems come in.

use std::borrow::Cow;
use std::io::{self, Read};

/// Why something could not be unpacked.
#[derive(Debug, thiserror::Error)]
#[error("cannot unpack {format} data: {message}")]
pub struct UnpackError {
    format: &'static str,
    message: String,
}

#[derive(Clone, Copy)]
enum Format {
    Gzip,
    Xz,
    Zstd,
    Lz4,
}

const MAGICS: [(&[u8], Format); 5] = [
    (&[0x1F, 0x8B], Format::Gzip),
    (&[0xFD, b'7', b'z', b'X', b'Z', 0], Format::Xz),
    (&[0x28, 0xB5, 0x2F, 0xFD], Format::Zstd),
    (&[0x02, 0x21, 0x4C, 0x18], Format::Lz4),
    (&[0x04, 0x22, 0x4D, 0x18], Format::Lz4),
];

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Gzip => "gzip",
            Format::Xz => "xz",
            Format::Zstd => "zstd",
            Format::Lz4 => "lz4",
        }
    }

    fn read(self, data: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Format::Gzip => flate2::read::GzDecoder::new(data).read_to_end(&mut out),
            Format::Xz => lzma_rust2::XzReader::new(data, false).read_to_end(&mut out),
            Format::Zstd => ruzstd::StreamingDecoder::new(data)
                .map_err(io::Error::other)?
                .read_to_end(&mut out),
            Format::Lz4 => lz4_flex::frame::FrameDecoder::new(data).read_to_end(&mut out),
        }?;
        Ok(out)
    }
}

/// Is this the beginning of compressed data that [`unpack`] knows?
pub(super) fn is_packed(data: &[u8]) -> bool {
    MAGICS.iter().any(|(magic, _)| data.starts_with(magic))
}

/// Takes the packed part out of a bzImage's payload.
///
/// The kernel's build appends the unpacked size in four bytes, except to gzip, which ends with it.
pub(super) fn without_size(payload: &[u8]) -> &[u8] {
    match MAGICS.iter().find(|(magic, _)| payload.starts_with(magic)) {
        Some((_, Format::Xz | Format::Zstd | Format::Lz4)) => &payload[..payload.len() - 4],
        _ => payload,
    }
}

/// Unpacks `data` if it begins like gzip, xz, zstd or lz4; anything else is returned as it is.
///
/// # Errors
///
/// [`UnpackError`] when the compressed data is damaged.
pub fn unpack(data: &[u8]) -> Result<Cow<'_, [u8]>, UnpackError> {
    let Some((_, format)) = MAGICS.iter().find(|(magic, _)| data.starts_with(magic)) else {
        return Ok(Cow::Borrowed(data));
    };
    format
        .read(data)
        .map(Cow::Owned)
        .map_err(|error| UnpackError {
            format: format.name(),
            message: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn plain_data_passes() {
        assert_eq!(unpack(b"\x7FELF...").unwrap(), b"\x7FELF...".as_slice());
        assert!(!is_packed(b"\x7FELF"));
    }

    #[test]
    fn gzip_and_lz4_come_back() {
        let text = b"the same text, the same text, the same text".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        assert_eq!(unpack(&gzip.finish().unwrap()).unwrap(), text);

        // The kernel's tools write the legacy frame.
        let info = lz4_flex::frame::FrameInfo::new().legacy_frame(true);
        let mut lz4 = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        lz4.write_all(&text).unwrap();
        assert_eq!(unpack(&lz4.finish().unwrap()).unwrap(), text);
    }

    #[test]
    fn xz_and_zstd_come_back() {
        // "hello kernel\n" by xz --check=crc32 and by zstd.
        let xz = [
            0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x04, 0xc0,
            0x11, 0x0d, 0x21, 0x01, 0x16, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0x88, 0x88, 0xcd, 0x68, 0x01, 0x00, 0x0c, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x6b,
            0x65, 0x72, 0x6e, 0x65, 0x6c, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x9c, 0xe9, 0x2e, 0xee,
            0x00, 0x01, 0x29, 0x0d, 0x7d, 0x56, 0x71, 0x1a, 0x90, 0x42, 0x99, 0x0d, 0x01, 0x00,
            0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
        ];
        let zstd = [
            0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x0d, 0x69, 0x00, 0x00, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
            0x20, 0x6b, 0x65, 0x72, 0x6e, 0x65, 0x6c, 0x0a, 0xa2, 0xe1, 0x0f, 0x9e,
        ];
        assert_eq!(unpack(&xz).unwrap(), b"hello kernel\n".as_slice());
        assert_eq!(unpack(&zstd).unwrap(), b"hello kernel\n".as_slice());
        assert!(unpack(&xz[..20]).is_err());
        assert!(unpack(&zstd[..12]).is_err());
    }

    #[test]
    fn the_size_after_the_data_is_no_data() {
        let magic = [0x02, 0x21, 0x4C, 0x18];
        assert_eq!(
            without_size(&[&magic[..], &[1, 2, 3, 4, 5]].concat()),
            [&magic[..], &[1]].concat()
        );
        assert_eq!(without_size(&[0x1F, 0x8B, 1, 2, 3, 4]).len(), 6);
        assert_eq!(without_size(b"\x7FELF").len(), 4);
    }

    #[test]
    fn damage_is_named() {
        let error = unpack(&[0x1F, 0x8B, 0, 0]).unwrap_err().to_string();
        assert!(error.starts_with("cannot unpack gzip data: "), "{error}");
    }
}
