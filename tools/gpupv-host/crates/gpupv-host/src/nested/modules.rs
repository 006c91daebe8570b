// SPDX-License-Identifier: GPL-2.0
//! The modules that the outer kernel needs before it has KVM.

use std::fs;
use std::path::Path;

use vm::boot::unpack;

/// The file that names the modules in the order in which they are loaded.
const LIST: &str = "modules.load";

/// A module, unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) image: Vec<u8>,
}

/// Reads the modules in `directory`.
pub(super) fn read(directory: &Path) -> Result<Vec<Module>, String> {
    let list = directory.join(LIST);
    let names = fs::read_to_string(&list).map_err(|error| {
        format!(
            "cannot read {}, which names the outer kernel's modules: {error}",
            list.display()
        )
    })?;
    names
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| read_one(&directory.join(line)))
        .collect()
}

fn read_one(path: &Path) -> Result<Module, String> {
    let packed = fs::read(path)
        .map_err(|error| format!("cannot read the module {}: {error}", path.display()))?;
    let image =
        unpack(&packed).map_err(|error| format!("the module {}: {error}", path.display()))?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok(Module {
        name,
        image: image.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Directory(std::path::PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("gpupv-host-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn modules_come_in_the_order_of_the_list() {
        let directory = Directory::new("order");
        fs::write(directory.0.join("b.ko"), "second").unwrap();
        fs::write(directory.0.join("a.ko"), "first").unwrap();
        fs::write(directory.0.join(LIST), "# order matters\nb.ko\n\na.ko\n").unwrap();
        let modules = read(&directory.0).unwrap();
        let names: Vec<_> = modules.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(names, ["b.ko", "a.ko"]);
        assert_eq!(modules[0].image, b"second");
    }

    #[test]
    fn what_is_missing_is_named() {
        let directory = Directory::new("missing");
        assert!(read(&directory.0).unwrap_err().contains("modules.load"));
        fs::write(directory.0.join(LIST), "kvm.ko\n").unwrap();
        assert!(read(&directory.0).unwrap_err().contains("kvm.ko"));
    }
}
