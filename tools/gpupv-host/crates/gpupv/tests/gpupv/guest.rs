// SPDX-License-Identifier: GPL-2.0
//! A guest in a few lines: configuration space and packets straight into the devices.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gpupv::wire::Luid;
use gpupv::{Config, GpuPvHost, GLOBAL_CLASS};
use vm::pci::PciFunction;
use vmbus::{ChannelHandle, ChannelPort, Closed, Device, Packet, SendError};

use crate::window::FakeWindow;

pub const GLOBAL: u32 = 1;
pub const VGPU: u32 = 0;

/// How long things may take that take a moment: longer than any machine stands still.
pub const TIMEOUT: Duration = Duration::from_secs(300);

/// Collects what a device sends.
#[derive(Default)]
struct Port {
    completions: Mutex<Vec<(u64, Vec<u8>)>>,
    unasked: Mutex<Vec<Vec<u8>>>,
}

impl ChannelPort for Port {
    fn complete(&self, transaction_id: u64, payload: &[u8]) -> Result<(), SendError> {
        let mut completions = self.completions.lock().unwrap();
        completions.push((transaction_id, payload.to_vec()));
        Ok(())
    }

    fn send(&self, payload: &[u8]) -> Result<(), SendError> {
        self.unasked.lock().unwrap().push(payload.to_vec());
        Ok(())
    }

    fn rescind(&self) {
        panic!("nothing is rescinded");
    }
}

/// A channel that the guest has opened.
pub struct Channel {
    pub device: Box<dyn Device>,
    port: Arc<Port>,
    last_id: u64,
}

impl Channel {
    fn open(mut device: Box<dyn Device>) -> Self {
        let port = Arc::new(Port::default());
        device
            .open(ChannelHandle::new(Arc::clone(&port) as _))
            .unwrap();
        Self {
            device,
            port,
            last_id: 0,
        }
    }

    /// Opens the channel again after it was closed.
    pub fn reopen(&mut self) {
        let port = Arc::clone(&self.port);
        self.device.open(ChannelHandle::new(port)).unwrap();
    }

    /// What came unasked since the last call.
    pub fn unasked(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.port.unasked.lock().unwrap())
    }

    /// Sends a packet as it is. Returns the completion, of which there must be one if it was asked
    /// for, and none if not.
    pub fn raw(&mut self, mut payload: Vec<u8>, wants: bool) -> Option<Vec<u8>> {
        // The ring pads.
        payload.resize(payload.len().next_multiple_of(8), 0);
        self.last_id += 1;
        self.device.packet(Packet {
            transaction_id: self.last_id,
            completion_requested: wants,
            payload,
        });
        let mut completions = std::mem::take(&mut *self.port.completions.lock().unwrap());
        assert_eq!(completions.len(), usize::from(wants));
        let (id, payload) = completions.pop()?;
        assert_eq!(id, self.last_id);
        assert!(payload.len() <= 131_056, "more than a guest can receive");
        Some(payload)
    }
}

impl Channel {
    /// Sends a packet whose completion may come later, and does not wait for it.
    pub fn begin(&mut self, mut payload: Vec<u8>) {
        payload.resize(payload.len().next_multiple_of(8), 0);
        self.last_id += 1;
        self.device.packet(Packet {
            transaction_id: self.last_id,
            completion_requested: true,
            payload,
        });
    }

    /// The completions that came since the last call, in their order.
    pub fn late(&mut self) -> Vec<Vec<u8>> {
        let completions = std::mem::take(&mut *self.port.completions.lock().unwrap());
        completions
            .into_iter()
            .map(|(_, payload)| payload)
            .collect()
    }

    /// Sends a packet while others wait for their completion. Returns its own, which must be there at
    /// once, and leaves those of the others.
    pub fn among(&mut self, payload: Vec<u8>) -> Vec<u8> {
        self.begin(payload);
        let mut completions = self.port.completions.lock().unwrap();
        let own = completions.iter().position(|(id, _)| *id == self.last_id);
        completions.remove(own.expect("a completion")).1
    }

    /// Sends a packet as it is, and waits for its completion.
    pub fn raw_later(&mut self, mut payload: Vec<u8>) -> Vec<u8> {
        payload.resize(payload.len().next_multiple_of(8), 0);
        self.last_id += 1;
        self.device.packet(Packet {
            transaction_id: self.last_id,
            completion_requested: true,
            payload,
        });
        let begin = Instant::now();
        loop {
            let mut completions = std::mem::take(&mut *self.port.completions.lock().unwrap());
            if let Some((id, payload)) = completions.pop() {
                assert_eq!((id, completions.len()), (self.last_id, 0));
                return payload;
            }
            assert!(begin.elapsed() < TIMEOUT, "no completion");
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

/// A command header and a body.
pub fn command(family: u32, number: u32, process: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 8];
    for word in [process, family, number, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(body);
    bytes
}

/// An extended header in front of a command.
pub fn extended(luid: Luid, command: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [16, 0, luid.a.get(), luid.b.get()] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(command);
    bytes
}

pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The word at a byte offset.
pub fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

pub fn text(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|c| u16::from_le_bytes([c[0], c[1]]));
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    String::from_utf16(&units).unwrap()
}

/// A guest with open channels that has not sent anything.
pub struct Guest {
    pub host: GpuPvHost,
    /// Where the host shows its memory.
    pub window: FakeWindow,
    pub functions: Vec<(u8, Box<dyn PciFunction>)>,
    pub global: Channel,
    pub vgpus: Vec<Channel>,
    /// The vGPU LUIDs, as configuration space has them.
    pub luids: Vec<Luid>,
    /// Whether messages have an extended header.
    pub current: bool,
    /// Host handles of opened adapters.
    pub adapters: Vec<u32>,
}

impl Guest {
    pub fn new(config: Config) -> Self {
        let current = config.interface_version >= 40;
        let mut host = GpuPvHost::new(config).unwrap();
        let window = FakeWindow::default();
        host.set_window(Box::new(window.clone()));
        let (globals, vgpus): (Vec<_>, Vec<_>) = host
            .take_devices()
            .into_iter()
            .partition(|device| device.offer().class == GLOBAL_CLASS);
        let mut functions = host.take_functions();
        let luids = functions
            .iter_mut()
            .map(|(_, function)| Luid::new(function.read(0xD4), function.read(0xD8)))
            .collect();
        let [global] =
            <[_; 1]>::try_from(globals.into_iter().map(Channel::open).collect::<Vec<_>>())
                .unwrap_or_else(|_| panic!("one global channel"));
        Self {
            host,
            window,
            functions,
            global,
            vgpus: vgpus.into_iter().map(Channel::open).collect(),
            luids,
            current,
            adapters: Vec::new(),
        }
    }

    /// A guest that has set the IO space and opened every adapter.
    pub fn started(config: Config) -> Self {
        let mut guest = Self::new(config);
        guest.start();
        guest
    }

    pub fn start(&mut self) {
        let mib = u64::from(self.host.io_space_mib());
        let mut window = (64u64 << 30).to_le_bytes().to_vec();
        window.extend((mib << 20).to_le_bytes());
        window.extend([0; 8]);
        assert_eq!(word(&self.global(1010, 0, &window), 0), 0);
        for n in 0..self.vgpus.len() {
            let opened = self.open_adapter(n);
            assert_eq!(word(&opened, 4), 0, "status");
            assert_ne!(word(&opened, 0), 0, "handle");
            self.adapters.push(word(&opened, 0));
            let info = self.vgpu(n, 36, 0, &[]);
            assert_eq!(info.len(), if self.current { 712 } else { 704 });
        }
    }

    pub fn open_adapter(&mut self, n: usize) -> Vec<u8> {
        let version = if self.current { 40 } else { 27 };
        self.vgpu(n, 14, 0, &words(&[version, 16, 0, 0]))
    }

    pub fn frame(&self, luid: Luid, command: Vec<u8>) -> Vec<u8> {
        if self.current {
            extended(luid, &command)
        } else {
            command
        }
    }

    /// A synchronous global command.
    pub fn global(&mut self, number: u32, process: u32, body: &[u8]) -> Vec<u8> {
        let packet = self.frame(Luid::ZERO, command(GLOBAL, number, process, body));
        self.global.raw(packet, true).unwrap()
    }

    /// A synchronous command to a vGPU.
    pub fn vgpu(&mut self, n: usize, number: u32, process: u32, body: &[u8]) -> Vec<u8> {
        let packet = self.frame(self.luids[n], command(VGPU, number, process, body));
        self.vgpus[n].raw(packet, true).unwrap()
    }

    /// A synchronous command to a vGPU whose answer may take a moment.
    pub fn vgpu_later(&mut self, n: usize, number: u32, process: u32, body: &[u8]) -> Vec<u8> {
        let packet = self.frame(self.luids[n], command(VGPU, number, process, body));
        self.vgpus[n].raw_later(packet)
    }

    /// A synchronous command to a vGPU that owes other answers.
    pub fn vgpu_among(&mut self, n: usize, number: u32, process: u32, body: &[u8]) -> Vec<u8> {
        let packet = self.frame(self.luids[n], command(VGPU, number, process, body));
        self.vgpus[n].among(packet)
    }

    pub fn create_process(&mut self, pid: u64, name: &str) -> u32 {
        self.create_named_process(pid, name, 0)
    }

    /// Creates a process on a host whose replies are longer by `padding` bytes.
    pub fn create_process_padded(&mut self, pid: u64, padding: usize) -> u32 {
        self.create_named_process(pid, "padded", padding)
    }

    fn create_named_process(&mut self, pid: u64, name: &str, padding: usize) -> u32 {
        let mut body = 0xABCDu64.to_le_bytes().to_vec();
        body.extend(pid.to_le_bytes());
        let mut units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        units.resize(522, 0);
        body.extend(units);
        body.push(8);
        let reply = self.global(1000, 0, &body);
        assert_eq!(reply.len(), 4 + padding);
        word(&reply, 0)
    }

    pub fn create_device(&mut self, n: usize, process: u32, cookie: u64) -> u32 {
        let mut body = words(&[0, 0]);
        body.extend(cookie.to_le_bytes());
        let reply = self.vgpu(n, 0, process, &body);
        assert_eq!(reply.len(), 4);
        assert_ne!(word(&reply, 0), 0);
        word(&reply, 0)
    }

    pub fn destroy_process(&mut self, process: u32) -> u32 {
        word(&self.global(1001, process, &[]), 0)
    }

    /// Status and data of QUERYADAPTERINFO, current form.
    pub fn query(&mut self, n: usize, process: u32, kind: u32, data: &[u8]) -> (u32, Vec<u8>) {
        let mut body = words(&[kind, data.len() as u32]);
        body.extend(data);
        let reply = self.vgpu(n, 2, process, &body);
        assert_eq!(reply.len(), 4 + data.len(), "also if it fails");
        (word(&reply, 0), reply[4..].to_vec())
    }

    pub fn close_adapter(&mut self, n: usize) {
        let handle = self.adapters[n];
        self.vgpu(n, 15, 0, &words(&[handle, 0]));
    }

    pub fn close_channel(&mut self, n: usize) {
        self.vgpus[n].device.closed(Closed::ByGuest);
    }

    pub fn violations(&self) -> Vec<String> {
        self.host.report().violations
    }

    /// Waits until a page of the IO space begins with at least a value.
    pub fn await_word(&self, page: u64, value: u64) {
        let begin = Instant::now();
        while self.window.word(page) < value {
            assert!(begin.elapsed() < TIMEOUT, "{value} is not reached");
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Nothing was wrong.
    pub fn assert_clean(&self) {
        assert_eq!(self.violations(), Vec::<String>::new());
    }
}

impl Guest {
    /// All channels go, the vGPUs' first.
    pub fn close_all(&mut self, why: Closed) {
        for vgpu in &mut self.vgpus {
            vgpu.device.closed(why);
        }
        self.global.device.closed(why);
    }
}
