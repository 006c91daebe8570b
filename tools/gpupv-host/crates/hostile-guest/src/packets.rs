// SPDX-License-Identifier: GPL-2.0
//! What a guest sends through the channels of its GPUs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gpupv::command::{self, CommandInfo};
use gpupv::wire::{ChannelType, Luid};
use gpupv::{Config, GpuPvHost};
use vmbus::{ChannelHandle, ChannelPort, Closed, Device, Packet, SendError};

use crate::machine::{Ram, Window};
use crate::source::Source;

/// How many handles are remembered.
const HANDLES: usize = 64;
/// The longest message.
const MESSAGE_MAX: usize = 4096;

/// Sends GPU-PV messages: each one that wants an answer gets at most one, which a guest could receive.
pub fn packets(data: &[u8]) {
    let mut guest = Guest::new();
    let mut source = Source::new(data);
    while !source.is_empty() {
        guest.step(&mut source);
    }
    guest.end();
}

/// Keeps the answers.
#[derive(Default)]
struct Port(Mutex<Vec<Vec<u8>>>);

impl ChannelPort for Port {
    fn complete(&self, _transaction_id: u64, payload: &[u8]) -> Result<(), SendError> {
        assert!(payload.len() <= 131_056, "more than a guest can receive");
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.push(payload.to_vec());
        Ok(())
    }

    fn send(&self, _payload: &[u8]) -> Result<(), SendError> {
        Ok(())
    }

    fn rescind(&self) {}
}

struct Guest {
    host: GpuPvHost,
    devices: Vec<Box<dyn Device>>,
    port: Arc<Port>,
    luids: Vec<Luid>,
    process: u32,
    /// What answers began with.
    handles: Vec<u32>,
    last_id: u64,
}

impl Guest {
    /// A guest that has done what drivers do at first.
    fn new() -> Self {
        let config = Config {
            io_space_mib: 2,
            time_limit: Duration::from_millis(20),
            ..Config::default()
        };
        let mut host = GpuPvHost::new(config).expect("the usual adapters");
        host.set_window(Box::new(Window));
        host.set_guest_memory(Ram::new(&[]));
        let port = Arc::<Port>::default();
        let mut guest = Self {
            luids: host.identities().iter().map(|i| i.vgpu_luid).collect(),
            devices: host.take_devices(),
            host,
            port,
            process: 0,
            handles: Vec::new(),
            last_id: 0,
        };
        for device in &mut guest.devices {
            let opened = device.open(ChannelHandle::new(Arc::clone(&guest.port) as _));
            assert!(opened.is_ok());
        }
        let mut region = (64u64 << 30).to_le_bytes().to_vec();
        region.extend((2u64 << 20).to_le_bytes());
        region.extend([0; 8]);
        guest.call(0, ChannelType::VmToHost, 1010, 0, &region);
        let open: Vec<u8> = [40u32, 16, 0, 0]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        for adapter in 1..guest.devices.len() {
            guest.call(adapter, ChannelType::VgpuToHost, 14, 0, &open);
        }
        guest.handles.clear();
        guest.call(0, ChannelType::VmToHost, 1000, 0, &[0; 539]);
        guest.process = guest.handles.first().copied().unwrap_or_default();
        guest.call(1, ChannelType::VgpuToHost, 0, guest.process, &[0; 16]);
        guest
    }

    fn step(&mut self, source: &mut Source<'_>) {
        let channel = source.below(self.devices.len());
        match source.byte() {
            0..=7 => return self.raw(channel, source.byte() % 4 != 0, source),
            8 => {
                self.devices[channel].closed(Closed::ByGuest);
                let port = Arc::clone(&self.port);
                let opened = self.devices[channel].open(ChannelHandle::new(port));
                return assert!(opened.is_ok());
            }
            _ => {}
        }
        let family = match (channel, source.byte()) {
            (0, 0..=250) | (_, 251..) => ChannelType::VmToHost,
            _ => ChannelType::VgpuToHost,
        };
        let all = command::all(family);
        let info: &CommandInfo = &all[source.below(all.len())];
        let process = match source.byte() {
            0..=15 => 0,
            16..=31 => self.handle(source),
            _ => self.process,
        };
        let mut body = vec![0; info.min_len.saturating_sub(24)];
        let longer = source.below(64) * usize::from(source.byte() % 4 == 0);
        body.resize((body.len() + longer * 16).min(MESSAGE_MAX), 0);
        self.fill(&mut body, source);
        self.call(channel, family, info.number, process, &body);
    }

    /// Fills a message with words that are likely to mean something.
    fn fill(&self, body: &mut [u8], source: &mut Source<'_>) {
        for word in body.chunks_exact_mut(4) {
            let value = match source.byte() {
                0..=99 => self.handle(source),
                100..=149 => u32::from(source.byte() % 8),
                150..=169 => 1 << (source.byte() % 32),
                170..=189 => 4096 * u32::from(source.byte()),
                190..=199 => u32::MAX - u32::from(source.byte() % 4),
                200..=209 => source.u32(),
                _ => 0,
            };
            word.copy_from_slice(&value.to_le_bytes());
        }
    }

    fn handle(&self, source: &mut Source<'_>) -> u32 {
        match self.handles.as_slice() {
            [] => 0,
            handles => source.pick(handles),
        }
    }

    /// Sends any bytes.
    fn raw(&mut self, channel: usize, waits: bool, source: &mut Source<'_>) {
        let len = source.below(MESSAGE_MAX);
        let payload = source.bytes(len).to_vec();
        self.send(channel, waits, payload);
    }

    /// Sends a command with its headers.
    fn call(
        &mut self,
        channel: usize,
        family: ChannelType,
        number: u32,
        process: u32,
        body: &[u8],
    ) {
        let (luid, family) = match family {
            ChannelType::VmToHost => (Luid::ZERO, 1),
            ChannelType::VgpuToHost => (self.luids[channel.saturating_sub(1)], 0),
        };
        let mut payload = Vec::new();
        for word in [
            16,
            0,
            luid.a.get(),
            luid.b.get(),
            0,
            0,
            process,
            family,
            number,
            0,
        ] {
            payload.extend(word.to_le_bytes());
        }
        payload.extend(body);
        self.send(channel, true, payload);
    }

    fn send(&mut self, channel: usize, waits: bool, mut payload: Vec<u8>) {
        payload.resize(payload.len().next_multiple_of(8), 0);
        self.last_id += 1;
        self.devices[channel].packet(Packet {
            transaction_id: self.last_id,
            completion_requested: waits,
            payload,
        });
        let mut answers = self.port.0.lock().unwrap_or_else(PoisonError::into_inner);
        for answer in std::mem::take(&mut *answers) {
            for word in answer.chunks_exact(4).take(3) {
                let handle = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
                if handle != 0 && self.handles.len() < HANDLES {
                    self.handles.push(handle);
                }
            }
        }
    }

    /// Ends the machine: the report is as short as ever.
    fn end(mut self) {
        for device in &mut self.devices {
            device.closed(Closed::Shutdown);
        }
        let report = self.host.report();
        assert!(report.violations.len() <= 100);
        assert!(report.unknown.len() <= 100);
        assert!(report.summary().len() < 1000);
    }
}
