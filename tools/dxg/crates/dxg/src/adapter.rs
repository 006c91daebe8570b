// SPDX-License-Identifier: GPL-2.0

//! One adapter and what it tells about itself.

use crate::{
    compute::Device,
    connection::Connection,
    text::from_utf16_field,
    uapi::{
        adapter::{
            CloseAdapter, EnumProcesses, Handle, IsFeatureEnabled, QueryAdapterInfo,
            QueryVideoMemoryInfo,
        },
        query::{
            AdapterAddress, AdapterQuery, AdapterRegistryInfo, AdapterType, DriverDescription,
            DriverModel, KmdDriverVersion, NodeMetadata, PhysicalAdapterCount,
            PhysicalAdapterDeviceIds, SegmentSizes,
        },
    },
    DriverVersion, Engine, Error, Feature, FeatureState, Function, Luid, Result, SegmentGroup,
    VideoMemory, WddmVersion,
};
use std::{fmt, sync::Arc};

/// Room for process ids in the first attempt; few adapters have more users.
const FIRST_PROCESSES: usize = 64;
/// More processes than a Linux system can have.
const PROCESSES_MAX: usize = 1 << 22;
/// More engines than any adapter has; a host that never says "no more" is stopped here.
const ENGINES_MAX: u16 = 256;

/// What an adapter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdapterKind {
    /// It renders and computes.
    Render,
    /// It computes and has no 3D engine.
    ComputeOnly,
    /// Neither.
    Other,
}

impl From<AdapterType> for AdapterKind {
    fn from(bits: AdapterType) -> Self {
        if bits.value & AdapterType::COMPUTE_ONLY != 0 {
            Self::ComputeOnly
        } else if bits.value & AdapterType::RENDER_SUPPORTED != 0 {
            Self::Render
        } else {
            Self::Other
        }
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Render => "render",
            Self::ComputeOnly => "compute-only",
            Self::Other => "other",
        })
    }
}

/// An open adapter. Owns its handle and keeps the device open.
///
/// The methods ask the host each time, so their answers are current, and each fails on its own:
/// with [`Error::is_unanswered`] if the host does not answer this question, with `ENODEV` once the
/// adapter is gone.
pub struct Adapter {
    connection: Arc<Connection>,
    handle: Handle,
    luid: Luid,
}

impl Adapter {
    /// Takes over a handle that the driver has just opened.
    pub(crate) fn new(connection: Arc<Connection>, handle: Handle, luid: Luid) -> Self {
        Self {
            connection,
            handle,
            luid,
        }
    }

    /// The adapter's identifier in this guest.
    pub fn luid(&self) -> Luid {
        self.luid
    }

    /// A device, to have the adapter compute something.
    ///
    /// # Errors
    ///
    /// As the driver says.
    pub fn create_device(&self) -> Result<Device<'_>> {
        Device::new(self)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Closes the handle and tells whether that worked. Dropping the adapter closes it silently.
    ///
    /// # Errors
    ///
    /// [`Error::OtherProcess`] in a child made by fork, where the handle stays the parent's.
    pub fn close(mut self) -> Result<()> {
        self.close_once()
    }

    /// Asks one query, with `data` as input, and gives the data the host returned.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] with the name of the query.
    pub fn query<Q: AdapterQuery>(&self, mut data: Q) -> Result<Q> {
        let mut arguments = QueryAdapterInfo {
            adapter: self.handle,
            r#type: Q::TYPE,
            ..QueryAdapterInfo::default()
        };
        self.connection
            .call_for_data(Function::querying::<Q>(), |driver| {
                driver.query_adapter_info(&mut arguments, data.as_mut_bytes())
            })?;
        Ok(data)
    }

    /// The name people know the adapter by: from the host's registry, else as the host's driver
    /// describes it.
    pub fn name(&self) -> Result<String> {
        let registry = self
            .query(AdapterRegistryInfo::default())
            .map(|info| from_utf16_field(&info.adapter_string));
        match registry {
            Ok(name) if !name.is_empty() => Ok(name),
            Err(error) if !error.is_unanswered() => Err(error),
            unnamed => match self.query(DriverDescription::default()) {
                Ok(info) => Ok(from_utf16_field(&info.description)),
                Err(error) if error.is_unanswered() => unnamed,
                Err(error) => Err(error),
            },
        }
    }

    /// What the adapter can do, as bits.
    pub fn adapter_type(&self) -> Result<AdapterType> {
        self.query(AdapterType::default())
    }

    /// What the adapter is for.
    pub fn kind(&self) -> Result<AdapterKind> {
        self.adapter_type().map(AdapterKind::from)
    }

    /// How much memory the adapter can use.
    pub fn segment_sizes(&self) -> Result<SegmentSizes> {
        self.query(SegmentSizes::default())
    }

    /// Where the adapter sits on its PCI bus.
    pub fn address(&self) -> Result<AdapterAddress> {
        self.query(AdapterAddress::default())
    }

    /// Version of the GPU driver on the host.
    pub fn driver_version(&self) -> Result<DriverVersion> {
        self.query(KmdDriverVersion::default())
            .map(|answer| DriverVersion::from_packed(answer.version))
    }

    /// The driver model the host's driver implements.
    pub fn wddm_version(&self) -> Result<WddmVersion> {
        self.query(DriverModel::default())
            .map(|answer| WddmVersion(answer.version))
    }

    /// How many physical adapters are linked into this one.
    pub fn physical_adapter_count(&self) -> Result<u32> {
        self.query(PhysicalAdapterCount::default())
            .map(|answer| answer.count)
    }

    /// PCI identifiers of one physical adapter.
    pub fn device_ids(&self, physical_adapter: u32) -> Result<PhysicalAdapterDeviceIds> {
        self.query(PhysicalAdapterDeviceIds {
            physical_adapter_index: physical_adapter,
            ..PhysicalAdapterDeviceIds::default()
        })
    }

    /// The engines of one physical adapter.
    ///
    /// # Errors
    ///
    /// Besides those of a query, [`Error::Malformed`] if the list does not end.
    pub fn engines(&self, physical_adapter: u16) -> Result<Vec<Engine>> {
        let mut engines = Vec::new();
        for ordinal in 0..ENGINES_MAX {
            let answer = self.query(NodeMetadata {
                node: (u32::from(physical_adapter) << 16) | u32::from(ordinal),
                ..NodeMetadata::default()
            });
            match answer {
                Ok(answer) => engines.push(Engine::new(ordinal, &answer)),
                // The number behind the last engine is refused, by hosts of old versions with an
                // answer that is too short; that ends the list. An adapter that refuses the first
                // one does not answer the question.
                Err(error) if ordinal > 0 && error.is_unanswered() => return Ok(engines),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Malformed {
            function: Function::querying::<NodeMetadata>(),
            problem: format!("the host claims more than {ENGINES_MAX} engines"),
        })
    }

    /// What this process may use and uses of one physical adapter's memory.
    pub fn video_memory(&self, physical_adapter: u32, group: SegmentGroup) -> Result<VideoMemory> {
        let mut arguments = QueryVideoMemoryInfo {
            adapter: self.handle,
            memory_segment_group: group.number(),
            physical_adapter_index: physical_adapter,
            ..QueryVideoMemoryInfo::default()
        };
        self.connection
            .call_for_data(Function::measuring(group), |driver| {
                driver.query_video_memory_info(&mut arguments)
            })?;
        Ok(arguments.into())
    }

    /// The host's answer about a feature.
    pub fn feature(&self, feature: Feature) -> Result<FeatureState> {
        let mut arguments = IsFeatureEnabled {
            adapter: self.handle,
            feature_id: feature.0,
            ..IsFeatureEnabled::default()
        };
        self.connection
            .call_for_data(Function::probing(feature), |driver| {
                driver.is_feature_enabled(&mut arguments)
            })?;
        Ok(arguments.result.into())
    }

    /// The processes of the caller's pid namespace that have the adapter open, this one included.
    pub fn processes(&self) -> Result<Vec<u32>> {
        self.connection.list(
            Function::of::<EnumProcesses>(),
            FIRST_PROCESSES,
            PROCESSES_MAX,
            |driver, ids| {
                let mut arguments = EnumProcesses {
                    adapter_luid: self.luid,
                    ..EnumProcesses::default()
                };
                let outcome = driver.enum_processes(&mut arguments, ids);
                // The driver writes the low half of the count only.
                (outcome, arguments.buffer_count as u32 as usize)
            },
        )
    }

    fn close_once(&mut self) -> Result<()> {
        let handle = std::mem::take(&mut self.handle);
        if handle == Handle(0) {
            return Ok(());
        }
        let mut arguments = CloseAdapter {
            adapter_handle: handle,
        };
        self.connection
            .call(Function::of::<CloseAdapter>(), |driver| {
                driver.close_adapter(&mut arguments)
            })
            .map(drop)
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; `close` is for those who want to know.
        let _ = self.close_once();
    }
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adapter")
            .field("luid", &format_args!("{}", self.luid))
            .field("handle", &format_args!("{:#x}", self.handle.0))
            .finish()
    }
}

#[cfg(test)]
mod tests;
