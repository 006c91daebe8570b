// SPDX-License-Identifier: GPL-2.0
//! A guest with a process and a device, and what they are good for.

use std::time::{Duration, Instant};

use gpupv::Config;

use crate::guest::{long, word, words, Guest, TIMEOUT};

pub const INVALID_HANDLE: u32 = 0xC000_0008;
pub const INVALID_PARAMETER: u32 = 0xC000_000D;
pub const ACCESS_DENIED: u32 = 0xC000_0022;
pub const DEVICE_REMOVED: u32 = 0xC000_02B6;

/// A sync object as the guest has it.
#[derive(Clone, Copy, Debug)]
pub struct Sync {
    pub handle: u32,
    pub global: u32,
    pub gpu: u64,
    /// Where its value is; 0 if it cannot be watched.
    pub page: u64,
}

/// A queue and its fence.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    pub handle: u32,
    pub fence: u32,
    pub page: u64,
}

/// Signals: objects, queues, values.
#[derive(Default)]
pub struct Signal<'a> {
    pub flags: u32,
    pub objects: &'a [u32],
    pub queues: &'a [u32],
    pub values: &'a [u64],
    /// For fences without a value of their own.
    pub value: u64,
    /// An event, or the device.
    pub event: u64,
}

pub struct Bench {
    pub guest: Guest,
    pub process: u32,
    pub device: u32,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let mut guest = Guest::started(config);
        let process = guest.create_process(1, "bench");
        let device = guest.create_device(0, process, 1);
        Self {
            guest,
            process,
            device,
        }
    }

    /// A command to the first adapter.
    pub fn vgpu(&mut self, number: u32, body: &[u8]) -> Vec<u8> {
        self.guest.vgpu(0, number, self.process, body)
    }

    /// The status in the answer of such a command.
    pub fn status(&mut self, number: u32, body: &[u8]) -> u32 {
        let reply = self.vgpu(number, body);
        assert_eq!(reply.len(), 4);
        word(&reply, 0)
    }

    pub fn try_context(&mut self, fields: [u32; 5], data: &[u8]) -> (u32, Vec<u8>) {
        let [device, node, affinity, flags, hint] = fields;
        let mut body = words(&[0, device, node, affinity, flags, hint, data.len() as u32]);
        body.extend(data);
        let reply = self.vgpu(6, &body);
        // One that failed has a byte more, if there are no data.
        assert_eq!(reply.len().max(56), (55 + data.len()).max(56));
        (word(&reply, 24), reply[52..52 + data.len()].to_vec())
    }

    pub fn context(&mut self, flags: u32) -> u32 {
        let (context, _) = self.try_context([self.device, 0, 0, flags, 1], &[]);
        assert_ne!(context, 0);
        context
    }

    /// The request that makes a sync object.
    pub fn sync_body(&self, kind: u32, flags: u32, info: &[u8]) -> Vec<u8> {
        let mut body = words(&[self.device, 0, kind, flags]);
        body.extend(info);
        body.resize(96, 0);
        body.extend(words(&[1]));
        body
    }

    pub fn try_sync(&mut self, kind: u32, flags: u32, info: &[u8]) -> Option<Sync> {
        let body = self.sync_body(kind, flags, info);
        let reply = self.vgpu(8, &body);
        if reply.is_empty() {
            return None;
        }
        assert_eq!(reply.len(), 32);
        Some(Sync {
            handle: word(&reply, 0),
            global: word(&reply, 4),
            gpu: long(&reply, 8),
            page: long(&reply, 16),
        })
    }

    pub fn fence(&mut self, value: u64) -> Sync {
        self.try_sync(5, 0, &value.to_le_bytes()).unwrap()
    }

    pub fn shared_fence(&mut self, value: u64) -> Sync {
        self.try_sync(5, 3, &value.to_le_bytes()).unwrap()
    }

    /// Opens a shared object on the device; `None` if the host refuses.
    pub fn open(&mut self, global: u32, flags: u32) -> Option<Sync> {
        let body = words(&[self.device, global, 0, flags]);
        let reply = self.guest.global(1002, self.process, &body);
        assert_eq!(reply.len(), 24);
        (word(&reply, 4) == 0).then(|| Sync {
            handle: word(&reply, 0),
            global,
            gpu: long(&reply, 8),
            page: long(&reply, 16),
        })
    }

    pub fn destroy_sync(&mut self, handle: u32) -> u32 {
        word(&self.guest.global(1003, self.process, &words(&[handle])), 0)
    }

    pub fn paging_queue(&mut self) -> Queue {
        let body = words(&[self.device, 0, 0, 0, 0, 0, 0]);
        let reply = self.vgpu(9, &body);
        assert_eq!(reply.len(), 24);
        Queue {
            handle: word(&reply, 0),
            fence: word(&reply, 4),
            page: long(&reply, 8),
        }
    }

    pub fn try_hw_queue(&mut self, context: u32, flags: u32, data: &[u8]) -> Vec<u8> {
        let mut body = words(&[0, 0, 0, 0, 0, 0, 0, 0, context, flags, data.len() as u32]);
        body.extend(data);
        let reply = self.vgpu(50, &body);
        assert_eq!(reply.len(), 71 + data.len().max(1));
        reply
    }

    pub fn hw_queue(&mut self) -> Queue {
        let context = self.context(1 << 4);
        let reply = self.try_hw_queue(context, 0, &[]);
        assert_eq!(word(&reply, 24), 0, "status");
        Queue {
            handle: word(&reply, 28),
            fence: word(&reply, 32),
            page: long(&reply, 40),
        }
    }

    /// SUBMITCOMMAND without anything but contexts.
    pub fn submit(&mut self, contexts: &[u32]) -> u32 {
        let body = submission(contexts, 0, &[], &[]);
        self.status(20, &body)
    }

    pub fn submit_to_hw_queue(&mut self, queue: u32, value: u64) -> u32 {
        let mut body = words(&[queue, 0]);
        body.extend(value.to_le_bytes());
        body.extend([0; 40]);
        self.status(52, &body)
    }

    pub fn signal(&mut self, signal: &Signal<'_>) -> u32 {
        let body = signal_body(signal);
        self.status(26, &body)
    }

    /// A CPU signals one fence.
    pub fn signal_now(&mut self, fence: u32, value: u64) -> u32 {
        let event = self.device.into();
        self.signal(&Signal {
            objects: &[fence],
            values: &[value],
            event,
            ..Signal::default()
        })
    }

    /// A queue signals one fence when it gets there.
    pub fn signal_in(&mut self, queue: u32, fence: u32, value: u64) -> u32 {
        self.signal(&Signal {
            objects: &[fence],
            queues: &[queue],
            values: &[value],
            ..Signal::default()
        })
    }

    /// A CPU waits.
    pub fn wait(&mut self, event: u64, flags: u32, conditions: &[(u32, u64)]) -> u32 {
        let mut body = words(&[self.device, conditions.len() as u32, flags, 0]);
        body.extend(event.to_le_bytes());
        body.extend([0; 8]);
        for (object, _) in conditions {
            body.extend(object.to_le_bytes());
        }
        for (_, value) in conditions {
            body.extend(value.to_le_bytes());
        }
        self.status(22, &body)
    }

    /// A queue waits.
    pub fn wait_in(&mut self, queue: u32, legacy: u8, conditions: &[(u32, u64)]) -> u32 {
        let mut body = words(&[queue, conditions.len() as u32, legacy.into(), 0]);
        for (_, value) in conditions {
            body.extend(value.to_le_bytes());
        }
        for (object, _) in conditions {
            body.extend(object.to_le_bytes());
        }
        self.status(25, &body)
    }

    /// The value of a fence, as the guest sees it.
    pub fn value(&self, page: u64) -> u64 {
        assert_eq!(page % 4096, 0);
        self.guest.window.word(page)
    }

    /// Waits until a fence has a value.
    pub fn await_value(&self, page: u64, value: u64) {
        self.await_at_least(page, value);
        assert_eq!(self.value(page), value);
    }

    /// Waits until a fence has at least a value.
    pub fn await_at_least(&self, page: u64, value: u64) {
        let begin = Instant::now();
        while self.value(page) < value {
            assert!(begin.elapsed() < TIMEOUT, "it is {}", self.value(page));
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// The guest events that were signalled since the last call.
    pub fn events(&mut self) -> Vec<u64> {
        let unasked = self.guest.global.unasked();
        let event = |message: Vec<u8>| {
            assert_eq!(message.len(), 48);
            assert_eq!((word(&message, 12), word(&message, 16)), (2, 0));
            long(&message, 24)
        };
        unasked.into_iter().map(event).collect()
    }

    /// Waits for an event; no other may come.
    pub fn await_event(&mut self, event: u64) {
        let begin = Instant::now();
        loop {
            let events = self.events();
            if !events.is_empty() {
                assert_eq!(events, [event]);
                return;
            }
            assert!(begin.elapsed() < TIMEOUT, "event {event}");
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// The process ends; nothing is left of it, and nothing was wrong.
    pub fn end(mut self) {
        assert_eq!(self.guest.destroy_process(self.process), 0);
        let report = self.guest.host.report();
        assert_eq!(report.verdict().reasons, Vec::<String>::new());
        self.guest.assert_clean();
    }
}

/// The body of SUBMITCOMMAND.
pub fn submission(contexts: &[u32], flags: u32, primaries: &[u32], history: &[u32]) -> Vec<u8> {
    let mut body = vec![0; 384];
    let mut put = |at: usize, values: &[u32]| {
        body[at - 24..at - 24 + 4 * values.len()].copy_from_slice(&words(values));
    };
    put(36, &[flags]);
    put(48, &[contexts.len() as u32]);
    put(52, &contexts[..contexts.len().min(64)]);
    put(324, &[primaries.len() as u32]);
    put(328, &primaries[..primaries.len().min(16)]);
    put(392, &[history.len() as u32]);
    body.extend(words(history));
    body
}

/// The body of SIGNALSYNCOBJECT.
pub fn signal_body(signal: &Signal<'_>) -> Vec<u8> {
    let (objects, queues) = (signal.objects.len() as u32, signal.queues.len() as u32);
    let mut body = words(&[objects, signal.flags, queues, 0]);
    body.extend(signal.value.to_le_bytes());
    body.extend(signal.event.to_le_bytes());
    body.extend(words(signal.objects));
    body.extend(words(signal.queues));
    for value in signal.values {
        body.extend(value.to_le_bytes());
    }
    body
}
