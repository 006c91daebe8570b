// SPDX-License-Identifier: GPL-2.0
//! Writing a cpio archive of the kind that the kernel unpacks into its first file system ("newc").

use std::io::{self, Write};

const MAGIC: &str = "070701";
const HEADER: usize = 110;
const ALIGN: usize = 4;
const TRAILER: &str = "TRAILER!!!";

const DIRECTORY: u32 = 0o040_755;
const REGULAR: u32 = 0o100_000;
const CHARACTER: u32 = 0o020_600;

/// An archive under construction.
pub(super) struct Archive<W> {
    out: W,
    inode: u32,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, inode: 0 }
    }

    pub(super) fn directory(&mut self, path: &str) -> io::Result<()> {
        self.entry(path, DIRECTORY, (0, 0), &[])
    }

    pub(super) fn character_device(
        &mut self,
        path: &str,
        major: u32,
        minor: u32,
    ) -> io::Result<()> {
        self.entry(path, CHARACTER, (major, minor), &[])
    }

    pub(super) fn file(&mut self, path: &str, permissions: u32, content: &[u8]) -> io::Result<()> {
        self.entry(path, REGULAR | permissions, (0, 0), content)
    }

    /// Ends the archive and returns what it was written to.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.entry(TRAILER, 0, (0, 0), &[])?;
        Ok(self.out)
    }

    fn entry(
        &mut self,
        path: &str,
        mode: u32,
        device: (u32, u32),
        content: &[u8],
    ) -> io::Result<()> {
        let size = u32::try_from(content.len()).map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{path} is larger than 4 GiB"),
            )
        })?;
        self.inode += 1;
        let links = 1;
        let name_size = path.len() as u32 + 1;
        write!(self.out, "{MAGIC}")?;
        // Inode, mode, user, group, links, time, size, device of the file, device it is, name, sum.
        for field in [
            self.inode, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0,
        ] {
            write!(self.out, "{field:08x}")?;
        }
        self.out.write_all(path.as_bytes())?;
        self.out.write_all(&[0])?;
        self.pad(HEADER + path.len() + 1)?;
        self.out.write_all(content)?;
        self.pad(content.len())
    }

    fn pad(&mut self, written: usize) -> io::Result<()> {
        let rest = written.next_multiple_of(ALIGN) - written;
        self.out.write_all(&[0; ALIGN][..rest])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one entry: mode, size, device, name, content, and the rest.
    fn parse(bytes: &[u8]) -> (u32, (u32, u32), String, Vec<u8>, &[u8]) {
        assert_eq!(&bytes[..6], b"070701");
        let field = |index: usize| {
            let text = std::str::from_utf8(&bytes[6 + 8 * index..14 + 8 * index]).unwrap();
            u32::from_str_radix(text, 16).unwrap()
        };
        let name_end = 110 + field(11) as usize;
        let name = String::from_utf8(bytes[110..name_end - 1].to_vec()).unwrap();
        assert_eq!(bytes[name_end - 1], 0);
        let start = name_end.next_multiple_of(4);
        let end = start + field(6) as usize;
        (
            field(1),
            (field(9), field(10)),
            name,
            bytes[start..end].to_vec(),
            &bytes[end.next_multiple_of(4)..],
        )
    }

    #[test]
    fn entries_can_be_read_back() {
        let mut archive = Archive::new(Vec::new());
        archive.directory("dev").unwrap();
        archive.character_device("dev/null", 1, 3).unwrap();
        archive.file("init", 0o755, b"12345").unwrap();
        let bytes = archive.finish().unwrap();

        let (mode, _, name, _, rest) = parse(&bytes);
        assert_eq!((mode, name.as_str()), (0o040_755, "dev"));
        let (mode, device, name, _, rest) = parse(rest);
        assert_eq!(
            (mode, device, name.as_str()),
            (0o020_600, (1, 3), "dev/null")
        );
        let (mode, _, name, content, rest) = parse(rest);
        assert_eq!(
            (mode, name.as_str(), content.as_slice()),
            (0o100_755, "init", b"12345".as_slice())
        );
        let (_, _, name, content, rest) = parse(rest);
        assert_eq!((name.as_str(), content.len(), rest.len()), (TRAILER, 0, 0));
    }
}
