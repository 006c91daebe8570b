// SPDX-License-Identifier: GPL-2.0

//! Tests of the transport: requests, replies and closed endpoints.

use kernel::prelude::*;

#[kunit_tests(dxgkrnl_transport)]
mod suite {
    use super::super::{
        mock::{
            Answer,
            Rig,
            LONG, //
        },
        *, //
    };
    use crate::{
        linux::wait::Completion,
        wire::{
            Envelope,
            HostProcess,
            InterfaceVersion,
            Luid, //
        },
    };
    use kernel::{
        new_mutex,
        sync::Mutex,
        time::{
            delay::fsleep,
            Delta, //
        }, //
    };

    const SHORT: WaitMode = WaitMode::Timeout(20);

    fn envelope() -> Envelope {
        Envelope {
            version: InterfaceVersion::CURRENT,
            vgpu: Luid::default(),
        }
    }

    fn call(rig: &Rig, message: &[u8], need: usize, mode: WaitMode) -> Result<ReplyBuffer> {
        rig.transport
            .as_arc_borrow()
            .call(&rig.endpoint, None, message, need, None, mode)
    }

    fn errno<T>(result: Result<T>) -> i32 {
        result.map_or_else(|error| error.to_errno(), |_| 0)
    }

    #[test]
    fn reply_is_cut_to_what_was_asked_for() -> Result {
        let rig = Rig::new()?;

        for need in [0usize, 1, 4, 8] {
            rig.host.then(Answer::reply(&[1, 2, 3, 4, 5, 6, 7, 8])?)?;

            let reply = call(&rig, &[9; 24], need, LONG)?;

            assert_eq!(reply.bytes(), &[1, 2, 3, 4, 5, 6, 7, 8][..need]);
        }
        assert_eq!(rig.host.message(3)?.as_slice(), &[9; 24]);
        Ok(())
    }

    #[test]
    fn large_reply() -> Result {
        let rig = Rig::new()?;
        let mut bytes = KVVec::from_elem(7, MAX_REPLY, GFP_KERNEL)?;

        bytes[MAX_REPLY - 1] = 8;
        rig.host.then(Answer::reply(&bytes)?)?;
        assert_eq!(
            call(&rig, &[0; 24], MAX_REPLY, LONG)?.bytes(),
            bytes.as_slice()
        );
        Ok(())
    }

    #[test]
    fn short_reply() -> Result {
        let rig = Rig::new()?;

        for (length, need) in [(1, 2), (4, 8), (704, 712)] {
            let bytes = KVVec::from_elem(1, length, GFP_KERNEL)?;

            rig.host.then(Answer::reply(&bytes)?)?;
            assert_eq!(errno(call(&rig, &[0; 24], need, LONG)), -75);
        }
        // An empty reply gives another error.
        rig.host.then(Answer::reply(&[])?)?;
        assert_eq!(errno(call(&rig, &[0; 24], 8, LONG)), -74);
        Ok(())
    }

    #[test]
    fn limits() -> Result {
        let rig = Rig::new()?;
        let message = KVVec::from_elem(0, MAX_MESSAGE + 1, GFP_KERNEL)?;

        assert_eq!(errno(call(&rig, &message, 4, LONG)), -22);
        assert_eq!(errno(call(&rig, &[0; 24], MAX_REPLY + 1, LONG)), -22);
        assert_eq!(rig.host.sent_count(), 0);

        rig.host.then(Answer::reply(&[0; 8])?)?;
        assert_eq!(errno(call(&rig, &message[1..], 4, LONG)), 0);
        assert_eq!(rig.host.message(0)?.len(), MAX_MESSAGE);
        Ok(())
    }

    #[test]
    fn sending_fails() -> Result {
        let rig = Rig::new()?;

        rig.host.then(Answer::Fail(ENODEV))?;
        assert_eq!(errno(call(&rig, &[0; 24], 4, LONG)), -19);

        // The transaction id was guessed and completed while the ring was full.
        let mut bytes = KVVec::new();

        bytes.extend_from_slice(&[0; 8], GFP_KERNEL)?;
        rig.host.then(Answer::ReplyAndFail(bytes, EAGAIN))?;
        assert_eq!(errno(call(&rig, &[0; 24], 4, LONG)), -11);

        // Both requests are gone from the table.
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        rig.host.complete(rig.host.id(1)?, &[0; 8]);
        rig.host.then(Answer::reply(&[5; 8])?)?;
        assert_eq!(call(&rig, &[0; 24], 4, LONG)?.bytes(), &[5; 4]);
        Ok(())
    }

    #[test]
    fn completions_that_belong_to_nothing() -> Result {
        let rig = Rig::new()?;

        for id in [0, 1, 7, u64::MAX] {
            rig.host.complete(id, &[0; 8]);
        }
        rig.host.then(Answer::reply(&[1; 8])?)?;
        call(&rig, &[0; 24], 8, LONG)?;
        rig.host.complete(rig.host.id(0)?, &[2; 8]);
        rig.host.then(Answer::reply(&[3; 8])?)?;
        assert_eq!(call(&rig, &[0; 24], 8, LONG)?.bytes(), &[3; 8]);
        Ok(())
    }

    /// Makes the message that destroys the object named in the reply, if there is one.
    fn destroy(
        reply: &[u8],
        _envelope: Envelope,
        _process: HostProcess,
    ) -> Result<Option<Message>> {
        if reply == [0; 4] {
            return Ok(None);
        }

        let mut message = Message::new(4)?;

        message.bytes_mut().copy_from_slice(reply);
        Ok(Some(message))
    }

    #[test]
    fn abandoned_request_stands_on_the_account() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let call = || {
            rig.transport.as_arc_borrow().call(
                &rig.endpoint,
                Some(&account),
                &[0; 24],
                4,
                None,
                SHORT,
            )
        };

        account.settle(SHORT)?;
        assert_eq!(errno(call()), -110);
        assert_eq!(errno(account.settle(SHORT)), -110);
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        account.settle(SHORT)?;

        // A request that is not answered stays on the account until the channel is closed: the host
        // may still read what was sent on a closed endpoint.
        assert_eq!(errno(call()), -110);
        rig.transport.close_endpoint(&rig.endpoint);
        assert_eq!(errno(account.settle(SHORT)), -110);
        rig.transport.close();
        account.settle(SHORT)
    }

    #[test]
    fn departed_account_sends_nothing() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let call = || {
            rig.transport.as_arc_borrow().call(
                &rig.endpoint,
                Some(&account),
                &[0; 24],
                4,
                None,
                SHORT,
            )
        };

        assert_eq!(errno(call()), -110);
        // The wait is for the request that was sent before.
        assert_eq!(errno(account.depart(SHORT)), -110);
        let id = rig.host.id(0)?;

        assert_eq!(errno(call()), -19);
        assert!(rig.host.id(1).is_err());
        rig.host.complete(id, &[0; 8]);
        account.depart(SHORT)
    }

    #[test]
    fn cut_off_request_is_settled_by_its_answer() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let result = rig.transport.as_arc_borrow().call(
            &rig.endpoint,
            Some(&account),
            &[0; 24],
            4,
            None,
            SHORT,
        );

        assert_eq!(errno(result), -110);
        rig.transport.close_endpoint(&rig.endpoint);
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        account.settle(SHORT)
    }

    #[pin_data]
    struct NextOne {
        #[pin]
        settled: Completion,
    }

    impl Settled for NextOne {
        fn settled(self: Arc<Self>) {
            self.settled.complete_all();
        }
    }

    #[test]
    fn told_when_all_is_answered() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let next = || {
            Arc::pin_init(
                pin_init!(NextOne {
                    settled <- Completion::new(),
                }),
                GFP_KERNEL,
            )
        };
        let at_once = next()?;

        account.when_settled(at_once.clone());
        at_once.settled.wait(SHORT)?;

        let result = rig.transport.as_arc_borrow().call(
            &rig.endpoint,
            Some(&account),
            &[0; 24],
            4,
            None,
            SHORT,
        );
        let later = next()?;

        assert_eq!(errno(result), -110);
        account.when_settled(later.clone());
        assert_eq!(errno(later.settled.wait(SHORT)), -110);
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        later.settled.wait(SHORT)
    }

    #[test]
    fn memory_for_late_replies_has_a_limit() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let create = || {
            let undo = Undo {
                how: UndoHow::ByReply(destroy),
                label: |_| Label::UNKNOWN,
                envelope: envelope(),
                process: HostProcess::GUEST,
                target: None,
            };

            rig.transport.as_arc_borrow().call(
                &rig.endpoint,
                Some(&account),
                &[1; 24],
                MAX_REPLY,
                Some(undo),
                SHORT,
            )
        };
        // CAST: The limit fits `usize`.
        let others = account.keep(Account::MAX_KEPT as usize - MAX_REPLY)?;

        assert_eq!(errno(create()), -110);
        assert_eq!(errno(create()), -12);
        // A reply releases the reservation.
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        rig.queue.drain();
        assert_eq!(errno(create()), -110);
        drop(others);
        rig.transport.close();
        account.settle(SHORT)
    }

    #[test]
    fn late_reply_is_undone() -> Result {
        let rig = Rig::new()?;
        let create = || {
            rig.transport.as_arc_borrow().call(
                &rig.endpoint,
                None,
                &[1; 24],
                4,
                Some(Undo {
                    how: UndoHow::ByReply(destroy),
                    label: |_| Label::UNKNOWN,
                    envelope: envelope(),
                    process: HostProcess::GUEST,
                    target: None,
                }),
                SHORT,
            )
        };

        assert_eq!(errno(create()), -110);
        rig.host.then(Answer::reply(&[0; 8])?)?;
        rig.host
            .complete(rig.host.id(0)?, &[6, 7, 8, 9, 0, 0, 0, 0]);
        rig.queue.drain();
        assert_eq!(rig.host.sent_count(), 2);
        assert_eq!(rig.host.message(1)?.as_slice(), &[6, 7, 8, 9]);

        // For a reply without an object and for an invalid one nothing is sent.
        for reply in [&[0u8; 8][..], &[1u8; 3][..]] {
            let before = rig.host.sent_count();

            assert_eq!(errno(create()), -110);
            rig.host.complete(rig.host.id(before)?, reply);
            rig.queue.drain();
            assert_eq!(rig.host.sent_count(), before + 1);
        }
        Ok(())
    }

    #[test]
    fn late_reply_to_a_plain_request() -> Result {
        let rig = Rig::new()?;

        assert_eq!(errno(call(&rig, &[0; 24], 4, SHORT)), -110);
        rig.host.complete(rig.host.id(0)?, &[1; 8]);
        rig.queue.drain();
        assert_eq!(rig.host.sent_count(), 1);
        Ok(())
    }

    #[pin_data]
    struct Results {
        #[pin]
        errnos: Mutex<KVec<i32>>,
        #[pin]
        done: Completion,
    }

    /// Starts `count` threads that wait for a reply on `endpoint`, and returns where they store
    /// their results.
    fn wait_on(rig: &Rig, endpoint: &Arc<Endpoint>, count: usize) -> Result<Arc<Results>> {
        let before = rig.host.sent_count();
        let results = Arc::pin_init(
            pin_init!(Results {
                errnos <- new_mutex!(KVec::new(), "Results::errnos"),
                done <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;

        for _ in 0..count {
            let transport = rig.transport.clone();
            let endpoint = endpoint.clone();
            let results: Arc<Results> = results.clone();

            rig.queue.try_spawn(GFP_KERNEL, move || {
                let result = transport
                    .as_arc_borrow()
                    .call(&endpoint, None, &[0; 24], 4, None, LONG);
                let mut errnos = results.errnos.lock();

                let _ = errnos.push(errno(result), GFP_KERNEL);
                if errnos.len() == count {
                    results.done.complete_all();
                }
            })?;
        }
        for _ in 0..1000 {
            if rig.host.sent_count() == before + count {
                return Ok(results);
            }
            fsleep(Delta::from_millis(5));
        }
        Err(ETIMEDOUT)
    }

    #[test]
    fn close_wakes_everybody() -> Result {
        let rig = Rig::new()?;
        let results = wait_on(&rig, &rig.endpoint, 8)?;

        rig.transport.close();
        results.done.wait(LONG)?;
        assert_eq!(results.errnos.lock().as_slice(), &[-19; 8]);

        // The endpoint stays closed.
        assert_eq!(errno(call(&rig, &[0; 24], 4, LONG)), -19);
        assert_eq!(rig.host.sent_count(), 8);
        Ok(())
    }

    #[test]
    fn closing_an_endpoint_wakes_only_its_waiters() -> Result {
        let rig = Rig::new()?;
        let endpoint = Endpoint::new()?;
        let stay = wait_on(&rig, &rig.endpoint, 3)?;
        let go = wait_on(&rig, &endpoint, 3)?;

        rig.transport.close_endpoint(&endpoint);
        go.done.wait(LONG)?;
        assert_eq!(go.errnos.lock().as_slice(), &[-19; 3]);
        assert!(stay.errnos.lock().is_empty());

        // The endpoint stays closed and the other one open; late replies are ignored.
        let late = rig
            .transport
            .as_arc_borrow()
            .call(&endpoint, None, &[0; 24], 4, None, LONG);

        assert_eq!(errno(late), -19);
        for index in 0..6 {
            rig.host.complete(rig.host.id(index)?, &[0; 8]);
        }
        stay.done.wait(LONG)?;
        assert_eq!(stay.errnos.lock().as_slice(), &[0; 3]);
        Ok(())
    }
}
