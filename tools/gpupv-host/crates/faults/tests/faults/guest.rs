// SPDX-License-Identifier: GPL-2.0
//! A guest in a few lines: packets straight into devices that have the layer in front of them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use faults::plan::Channel;
use faults::Faults;
use gpupv::wire::Luid;
use gpupv::{Config, GpuPvHost};
use vmbus::{ChannelHandle, ChannelPort, Closed, Device, Packet, SendError};

pub const CREATEPROCESS: u32 = 1000;
pub const DESTROYPROCESS: u32 = 1001;
pub const CREATEDEVICE: u32 = 0;
pub const DESTROYDEVICE: u32 = 1;
pub const OPENADAPTER: u32 = 14;
pub const CLOSEADAPTER: u32 = 15;

/// How long things may take that take a moment: longer than any machine stands still.
const TIMEOUT: Duration = Duration::from_secs(300);

type Answer = (u64, Vec<u8>);

/// Collects what a device sends.
#[derive(Default)]
pub struct Port {
    answers: Mutex<Vec<Answer>>,
    unasked: Mutex<Vec<Vec<u8>>>,
}

impl ChannelPort for Port {
    fn complete(&self, transaction_id: u64, payload: &[u8]) -> Result<(), SendError> {
        let mut answers = self.answers.lock().unwrap();
        answers.push((transaction_id, payload.to_vec()));
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

/// The host, the layer, and a guest that has opened the global channel and one adapter.
pub struct Guest {
    pub host: GpuPvHost,
    pub faults: Faults,
    pub devices: Vec<Box<dyn Device>>,
    ports: Vec<Arc<Port>>,
    luid: Luid,
    last_id: u64,
}

/// The channels, as positions in a guest's lists.
pub const GLOBAL: usize = 0;
pub const VGPU: usize = 1;

impl Guest {
    pub fn new() -> Self {
        let mut host = GpuPvHost::new(Config::default()).unwrap();
        let faults = Faults::new(&host).unwrap();
        let whose = [Channel::Global, Channel::Adapter(0), Channel::Adapter(1)];
        let devices = host.take_devices().into_iter().zip(whose);
        let devices = devices.map(|(device, whose)| faults.wrap(device, whose));
        let mut guest = Self {
            luid: host.identities()[0].vgpu_luid,
            devices: devices.collect(),
            host,
            faults,
            ports: Vec::new(),
            last_id: 0,
        };
        for device in 0..guest.devices.len() {
            guest.ports.push(Arc::default());
            guest.open(device);
        }
        guest.open_adapter();
        guest
    }

    pub fn open(&mut self, channel: usize) {
        let port = Arc::clone(&self.ports[channel]);
        self.devices[channel]
            .open(ChannelHandle::new(port))
            .unwrap();
    }

    pub fn close(&mut self, channel: usize) {
        self.devices[channel].closed(Closed::ByGuest);
    }

    pub fn open_adapter(&mut self) {
        let answer = self.call(VGPU, OPENADAPTER, 0, &open_body());
        assert_eq!((answer.len(), word(&answer[4..])), (16, 0));
    }

    /// Puts a plan in force.
    pub fn plan(&self, text: &str) {
        self.faults.set_text(text).unwrap();
    }

    /// Sends a message. Returns its transaction id.
    pub fn send(&mut self, channel: usize, number: u32, process: u32, body: &[u8]) -> u64 {
        let (luid, family) = match channel {
            GLOBAL => (Luid::ZERO, 1u32),
            _ => (self.luid, 0),
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
        payload.resize(payload.len().next_multiple_of(8), 0);
        self.last_id += 1;
        self.devices[channel].packet(Packet {
            transaction_id: self.last_id,
            completion_requested: true,
            payload,
        });
        self.last_id
    }

    /// The answers that came since the last call.
    pub fn answers(&self, channel: usize) -> Vec<Answer> {
        std::mem::take(&mut *self.ports[channel].answers.lock().unwrap())
    }

    /// What came unasked since the last call.
    pub fn take_unasked(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.ports[GLOBAL].unasked.lock().unwrap())
    }

    pub fn unasked(&self) -> usize {
        self.ports[GLOBAL].unasked.lock().unwrap().len()
    }

    /// Waits for answers.
    pub fn await_answers(&self, channel: usize, count: usize) -> Vec<Answer> {
        let mut answers = Vec::new();
        wait(|| {
            answers.extend(self.answers(channel));
            answers.len() >= count
        });
        answers
    }

    /// Sends a message that is answered at once. Returns the answer.
    pub fn call(&mut self, channel: usize, number: u32, process: u32, body: &[u8]) -> Vec<u8> {
        let id = self.send(channel, number, process, body);
        let mut answers = self.answers(channel);
        assert_eq!(answers.len(), 1);
        let (answered, answer) = answers.remove(0);
        assert_eq!(answered, id);
        answer
    }

    pub fn create_process(&mut self) -> u32 {
        word(&self.call(GLOBAL, CREATEPROCESS, 0, &process_body()))
    }

    pub fn destroy_process(&mut self, process: u32) {
        assert_eq!(word(&self.call(GLOBAL, DESTROYPROCESS, process, &[])), 0);
    }

    pub fn objects(&self) -> u64 {
        self.host.object_counter().count()
    }

    pub fn processes(&self) -> usize {
        self.host.report().processes_left.len()
    }

    /// What is not clean.
    pub fn reasons(&self) -> Vec<String> {
        self.host.report().verdict().reasons
    }
}

/// What follows the header of OPENADAPTER.
pub fn open_body() -> [u8; 16] {
    let mut body = [0; 16];
    body[0] = 40;
    body[4] = 16;
    body
}

/// What follows the header of CREATEPROCESS.
pub fn process_body() -> Vec<u8> {
    let mut body = vec![0; 539];
    body[8] = 77;
    body
}

pub fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().unwrap())
}

/// Waits until something is so.
pub fn wait(mut is: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < TIMEOUT, "it never is");
        std::thread::sleep(Duration::from_millis(1));
    }
}
