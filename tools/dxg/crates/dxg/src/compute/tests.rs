// SPDX-License-Identifier: GPL-2.0

//! Objects on a driver made of data: what is made is taken down again, whatever happens.

use super::*;
use crate::{
    testing::{FakeAdapter, FakeDriver},
    Adapter, Error, Luid,
};

fn adapter() -> (FakeDriver, Adapter) {
    let driver = FakeDriver::new([FakeAdapter::silent(1)]);
    let adapter = driver.device().open_by_luid(Luid { a: 1, b: 0 });
    (driver, adapter.unwrap())
}

#[test]
fn everything_goes_with_its_scope_and_in_order() {
    let (driver, adapter) = adapter();
    {
        let device = adapter.create_device().unwrap();
        let queue = PagingQueue::new(&device).unwrap();
        let context = Context::new(&device, 0).unwrap();
        let fence = Fence::new(&device).unwrap();
        let memory = MappedAllocation::new(&queue, 5000, Placement::Host).unwrap();
        let own = MappedAllocation::new(&queue, 1, Placement::Program).unwrap();
        assert_eq!((memory.bytes(), own.bytes()), (8192, 4096));
        assert_eq!((memory.address(), own.address()), (0x1_0000, 0x1_2000));
        assert_eq!(driver.objects(), 8);
        let (view, own_view) = (memory.lock().unwrap(), own.lock().unwrap());
        own_view.write(1023, &[1.5]);
        let mut numbers = [0.0; 2];
        own_view.read(1022, &mut numbers);
        assert_eq!(numbers, [0.0, 1.5]);
        assert_eq!(driver.objects(), 9, "memory of the program is not locked");
        drop((view, own_view));
        let mut commands = CommandBuffer::new();
        commands.fill(memory.address(), 8, 3).signal(&fence, 1);
        context.submit(&commands, &own).unwrap();
        fence.wait(1).unwrap();
        let submitted = driver.submitted();
        assert_eq!(submitted.len(), 1);
        let buffer = (submitted[0].command_buffer, submitted[0].command_length);
        assert_eq!(buffer, (0x1_2000, 32 + 24));
    }
    assert_eq!(driver.objects(), 0);
}

#[test]
fn what_fails_leaves_nothing() {
    for kind in ["paging queue", "context", "fence", "allocation", "mapping"] {
        let (driver, adapter) = adapter();
        driver.refuse_objects(kind);
        let make = || -> crate::Result<()> {
            let device = adapter.create_device()?;
            let queue = PagingQueue::new(&device)?;
            Context::new(&device, 0)?;
            Fence::new(&device)?;
            MappedAllocation::new(&queue, 1, Placement::Program).map(drop)
        };
        let error = make().unwrap_err();
        assert_eq!(error.errno().map(|errno| errno.0), Some(libc::ENOMEM));
        assert_eq!(driver.objects(), 0, "{kind}");
    }
}

#[test]
fn a_device_that_stopped_says_why() {
    let (driver, adapter) = adapter();
    let device = adapter.create_device().unwrap();
    let fence = Fence::new(&device).unwrap();
    assert_eq!(device.page_fault().unwrap(), None);
    for (state, text) in [
        (
            7,
            "the device was stopped: page fault, write to 0x5000 by command 2",
        ),
        (3, "the device was stopped: hung"),
        (42, "the device was stopped: state 42"),
    ] {
        driver.stop_devices(state);
        assert_eq!(device.state().unwrap(), ExecutionState(state));
        assert_eq!(fence.wait(1).unwrap_err().to_string(), text);
    }
}

#[test]
fn too_much_is_refused_before_the_driver_is_asked() {
    let (driver, adapter) = adapter();
    let device = adapter.create_device().unwrap();
    let queue = PagingQueue::new(&device).unwrap();
    let before = driver.objects();
    for placement in [Placement::Host, Placement::Program] {
        let error = Allocation::new(&device, usize::MAX - 5, placement).err();
        assert!(matches!(error, Some(Error::TooLarge { .. })), "{error:?}");
    }
    assert_eq!(driver.objects(), before);
    let context = Context::new(&device, 0).unwrap();
    let memory = MappedAllocation::new(&queue, 1, Placement::Program).unwrap();
    let mut commands = CommandBuffer::new();
    while commands.len() <= memory.bytes() {
        commands.fill(0, 8, 0);
    }
    let error = context.submit(&commands, &memory).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert!(driver.submitted().is_empty());
}
