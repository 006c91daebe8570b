// SPDX-License-Identifier: GPL-2.0
//! Address spaces against a model that knows every page.

use std::collections::BTreeMap;

use super::*;

const ANYWHERE: Wanted = Wanted {
    base: 0,
    minimum: 0,
    maximum: 0,
};

impl AddressSpace {
    /// What an address shows, if anything.
    fn look_up(&self, address: u64) -> Option<View> {
        let (&start, block) = self.blocks.range(..=address).next_back()?;
        assert!(address >= start);
        let (&start, &(len, view)) = block.views.range(..=address).next_back()?;
        let target = view.target.advanced(address.checked_sub(start)?);
        (address - start < len).then_some(View { target, ..view })
    }

    /// How many blocks there are.
    fn count(&self) -> usize {
        self.blocks.len()
    }
}

fn at(base: u64) -> Wanted {
    Wanted { base, ..ANYWHERE }
}

fn view(allocation: u32) -> View {
    View {
        target: Target::Allocation(Handle(allocation), 0),
        protection: 1,
        driver_protection: 0,
    }
}

fn seen(space: &AddressSpace, address: u64) -> Option<(u32, u64)> {
    match space.look_up(address)?.target {
        Target::Allocation(handle, offset) => Some((handle.0, offset)),
        Target::Zero | Target::NoAccess => None,
    }
}

#[test]
fn bounds_are_kept() {
    let mut space = AddressSpace::default();
    let start = space.reserve(ANYWHERE, RESERVATION_UNIT, false).unwrap();
    assert_eq!(start, LOWEST);
    let between = Wanted {
        base: 0,
        minimum: 0x12_3456,
        maximum: 0x14_0000,
    };
    assert_eq!(
        space.reserve(between, RESERVATION_UNIT, false),
        Ok(0x13_0000)
    );
    let full = space.reserve(between, RESERVATION_UNIT, false);
    assert_eq!(full, Err(AddressError::Full));
    // Maps need no more than pages.
    assert_eq!(space.map(between, GPU_PAGE, view(1)), Ok(0x12_4000));
    for wrong in [at(LIMIT), at(GPU_PAGE), at(0x20_0001)] {
        let error = space.map(wrong, GPU_PAGE, view(1));
        assert_eq!(error, Err(AddressError::Invalid), "{wrong:?}");
    }
    for len in [0, 1, GPU_PAGE] {
        assert_eq!(
            space.reserve(ANYWHERE, len, false),
            Err(AddressError::Invalid)
        );
    }
    assert_eq!(
        space.reserve(ANYWHERE, 1 << 63, false),
        Err(AddressError::Full)
    );
}

#[test]
fn a_base_beats_the_bounds() {
    let mut space = AddressSpace::default();
    let outside = |base: u64| Wanted {
        base,
        minimum: 0x12_0000,
        maximum: 0x14_0000,
    };
    for base in [0x10_0000, 0x20_0000] {
        let start = space.reserve(outside(base), RESERVATION_UNIT, false);
        assert_eq!(start, Ok(base));
        // Into the reservation, and beside it.
        assert_eq!(space.map(outside(base), GPU_PAGE, view(1)), Ok(base));
        let beside = base + RESERVATION_UNIT;
        assert_eq!(space.map(outside(beside), GPU_PAGE, view(2)), Ok(beside));
        assert_eq!(seen(&space, beside), Some((2, 0)));
    }
}

#[test]
fn mappings_can_show_something_else() {
    let mut space = AddressSpace::default();
    let base = 0x20_0000;
    let page = |n: u64| base + n * GPU_PAGE;
    assert_eq!(space.map(at(base), 4 * GPU_PAGE, view(1)), Ok(base));
    assert_eq!(
        space.map(at(page(1)), 2 * GPU_PAGE, view(2)),
        Ok(page(1)),
        "within the first"
    );
    let shown: Vec<_> = (0..4).map(|n| seen(&space, page(n)).unwrap().0).collect();
    assert_eq!(shown, [1, 2, 2, 1]);
    assert!(space.shows(page(1), 2 * GPU_PAGE, &view(2)));
    assert!(
        !space.shows(page(1), 3 * GPU_PAGE, &view(2)),
        "not all of it"
    );
    assert!(!space.shows(page(2), GPU_PAGE, &view(2)), "another offset");
    let nothing = View {
        target: Target::NoAccess,
        ..view(0)
    };
    for (start, len, view, error) in [
        (page(1), GPU_PAGE, nothing, AddressError::Taken),
        (page(3), 2 * GPU_PAGE, view(3), AddressError::Taken),
        (page(1) + 1, GPU_PAGE, view(3), AddressError::Invalid),
    ] {
        assert_eq!(space.map(at(start), len, view), Err(error));
    }
    // No update, and no reservation.
    assert_eq!(
        space.set(page(1), GPU_PAGE, None),
        Err(AddressError::Invalid)
    );
    assert_eq!((space.count(), space.taken()), (1, 4 * GPU_PAGE));
    // It goes with the last allocation that it shows.
    space.forget(Handle(1));
    assert_eq!(seen(&space, page(0)), None);
    assert_eq!(space.look(page(0)), None);
    assert_eq!(seen(&space, page(1)), Some((2, 0)));
    assert_eq!(space.count(), 1);
    space.forget(Handle(2));
    assert_eq!((space.count(), space.taken()), (0, 0));
}

#[test]
fn changes_belong_to_one_reservation() {
    let mut space = AddressSpace::default();
    let starts = [0x100_0000, 0x101_0000, 0x200_0000];
    for start in starts {
        space.reserve(at(start), RESERVATION_UNIT, false).unwrap();
    }
    let [first, second, third] = starts;
    let len = GPU_PAGE;
    let show = |start| Change::Show {
        start,
        len,
        view: None,
    };
    let copy = |from, to| Change::Copy { from, to, len };
    for good in [
        &[show(first), show(first + len)][..],
        &[copy(second, first), show(first), copy(second, first + len)],
        &[copy(first, first)],
    ] {
        assert_eq!(space.check(good.iter()), Ok(()), "{good:?}");
    }
    for bad in [
        &[show(first), show(second)][..],
        &[show(first), copy(first, third)],
        &[copy(second, first), copy(third, first)],
        &[show(third + RESERVATION_UNIT)],
    ] {
        let error = Err(AddressError::Invalid);
        assert_eq!(space.check(bad.iter()), error, "{bad:?}");
    }
}

#[test]
fn blocks_do_not_overlap_and_go_as_a_whole() {
    let mut space = AddressSpace::default();
    let len = 4 * RESERVATION_UNIT;
    assert_eq!(space.reserve(at(0x100_0000), len, false), Ok(0x100_0000));
    let error = space.reserve(at(0x103_0000), RESERVATION_UNIT, false);
    assert_eq!(error, Err(AddressError::Taken));
    let error = space.map(at(0xFF_F000), 2 * GPU_PAGE, view(1));
    assert_eq!(error, Err(AddressError::Taken));
    assert_eq!(space.free(0x100_0000, len / 2), Err(AddressError::Invalid));
    assert_eq!(space.free(0x101_0000, len / 4), Err(AddressError::Invalid));
    assert_eq!((space.count(), space.taken()), (1, len));
    assert_eq!(space.free(0x100_0000, len), Ok(()));
    assert_eq!(space.free(0x100_0000, len), Err(AddressError::Invalid));
    assert_eq!((space.count(), space.taken()), (0, 0));
}

#[test]
fn views_are_cut_and_copied() {
    let mut space = AddressSpace::default();
    let start = space
        .reserve(at(0x100_0000), RESERVATION_UNIT, false)
        .unwrap();
    let page = |n: u64| start + n * GPU_PAGE;
    assert_eq!(space.map(at(page(0)), 8 * GPU_PAGE, view(5)), Ok(page(0)));
    space.set(page(2), 2 * GPU_PAGE, Some(view(6))).unwrap();
    space.set(page(7), GPU_PAGE, None).unwrap();
    assert_eq!(seen(&space, page(1) + 5), Some((5, GPU_PAGE + 5)));
    assert_eq!(seen(&space, page(3)), Some((6, GPU_PAGE)));
    assert_eq!(seen(&space, page(4)), Some((5, 4 * GPU_PAGE)));
    assert_eq!(seen(&space, page(7)), None);
    // Onto itself, one page further on.
    space.copy(page(1), page(2), 4 * GPU_PAGE).unwrap();
    let shown: Vec<_> = (1..7).map(|n| seen(&space, page(n)).unwrap()).collect();
    let expected = [(5, 1), (5, 1), (6, 0), (6, 1), (5, 4), (5, 6)];
    assert_eq!(shown, expected.map(|(a, offset)| (a, offset * GPU_PAGE)));
    space.forget(Handle(5));
    let left: Vec<u64> = (0..16)
        .filter(|&n| seen(&space, page(n)).is_some())
        .collect();
    assert_eq!(left, [3, 4]);
    let beyond = space.set(page(15), 2 * GPU_PAGE, None);
    assert_eq!(beyond, Err(AddressError::Invalid));
}

#[test]
fn random_changes_against_a_model() {
    const UNITS: u64 = 32;
    let mut space = AddressSpace::default();
    // The block of each taken unit, and what each page shows.
    let mut blocks: BTreeMap<u64, u64> = BTreeMap::new();
    let mut pages: BTreeMap<u64, (u32, u64)> = BTreeMap::new();
    let mut state = 3u64;
    let mut random = |limit: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % limit
    };
    let per_unit = RESERVATION_UNIT / GPU_PAGE;
    for step in 0..20_000u32 {
        let unit = 1 + random(UNITS);
        let len = 1 + random(4);
        let start = unit * RESERVATION_UNIT;
        let covered = |unit: u64, blocks: &BTreeMap<u64, u64>| {
            let block = blocks.range(..=unit).next_back();
            block.is_some_and(|(first, len)| first + len > unit)
        };
        match random(4) {
            0 => {
                let free = (unit..unit + len).all(|unit| !covered(unit, &blocks));
                let result = space.reserve(at(start), len * RESERVATION_UNIT, false);
                assert_eq!(result.is_ok(), free, "step {step}");
                if free {
                    blocks.insert(unit, len);
                }
            }
            1 => {
                let found = blocks.get(&unit) == Some(&len);
                let result = space.free(start, len * RESERVATION_UNIT);
                assert_eq!(result.is_ok(), found, "step {step}");
                if found {
                    blocks.remove(&unit);
                    pages.retain(|page, _| !(unit..unit + len).contains(&(page / per_unit)));
                }
            }
            2 => {
                let page = unit * per_unit + random(per_unit);
                let count = 1 + random(24);
                let inside = blocks
                    .range(..=unit)
                    .next_back()
                    .is_some_and(|(first, len)| {
                        covered(unit, &blocks) && page + count <= (first + len) * per_unit
                    });
                let view = (random(5) > 0).then(|| view(step));
                let result = space.set(page * GPU_PAGE, count * GPU_PAGE, view);
                assert_eq!(result.is_ok(), inside, "step {step}");
                for page in (page..page + count).filter(|_| inside) {
                    pages.remove(&page);
                }
                for n in (0..count).filter(|_| inside && view.is_some()) {
                    pages.insert(page + n, (step, n * GPU_PAGE));
                }
            }
            _ if random(10) == 0 && !pages.is_empty() => {
                let victim = pages.values().next().unwrap().0;
                space.forget(Handle(victim));
                pages.retain(|_, (allocation, _)| *allocation != victim);
            }
            _ => {
                let page = per_unit + random(UNITS * per_unit);
                let expected = pages.get(&page).copied();
                assert_eq!(seen(&space, page * GPU_PAGE), expected, "step {step}");
            }
        }
        let taken: u64 = blocks.values().sum();
        assert_eq!(space.taken(), taken * RESERVATION_UNIT);
        assert_eq!(space.count(), blocks.len());
    }
    assert!(!pages.is_empty());
}

#[test]
fn blocks_of_any_size_never_overlap() {
    /// The part of the space that is used, in pages.
    const PAGES: u64 = 40 * 16;
    let first = LOWEST / GPU_PAGE;
    let mut seed = 5u64;
    let mut random = move |limit: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % limit
    };
    let (mut found, mut taken, mut full) = (0, 0, 0);
    for _ in 0..40 {
        let mut space = AddressSpace::default();
        // Pages by start: how many, and whether they are reserved.
        let mut blocks: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
        for step in 0..400 {
            if random(3) == 0 {
                let count = blocks.len() as u64;
                if let Some((&start, &(len, _))) = blocks.iter().nth(random(count.max(1)) as usize)
                {
                    let freed = space.free(start * GPU_PAGE, len * GPU_PAGE);
                    assert_eq!(freed, Ok(()), "step {step}");
                    blocks.remove(&start);
                }
                continue;
            }
            let reserve = random(2) == 0;
            let unit = if reserve {
                RESERVATION_UNIT / GPU_PAGE
            } else {
                1
            };
            let len = (1 + random(if reserve { 4 } else { 40 })) * unit;
            let minimum = first + random(PAGES / 2);
            let maximum = first + random(PAGES) + 1;
            let base = match random(3) {
                0 => (first + random(PAGES)).next_multiple_of(unit),
                _ => 0,
            };
            let wanted = Wanted {
                base: base * GPU_PAGE,
                minimum: minimum * GPU_PAGE,
                maximum: maximum * GPU_PAGE,
            };
            let free = |start: u64| {
                let apart = |(&other, &(count, _)): (&u64, &(u64, bool))| {
                    other + count <= start || start + len <= other
                };
                blocks.iter().all(apart)
            };
            let within = |start: u64| start >= minimum && start + len <= maximum;
            let inside = |(&other, &(count, _)): (&u64, &(u64, bool))| {
                other <= base && base + len <= other + count
            };
            let in_block = !reserve && base != 0 && blocks.iter().any(inside);
            let expected = if base == 0 {
                let mut places = (minimum.next_multiple_of(unit)..maximum).step_by(unit as usize);
                let place = places.find(|&start| within(start) && free(start));
                place.ok_or(AddressError::Full)
            } else if in_block || free(base) {
                Ok(base)
            } else {
                Err(AddressError::Taken)
            };
            let bytes = len * GPU_PAGE;
            let start = match reserve {
                true => space.reserve(wanted, bytes, false),
                false => space.map(wanted, bytes, view(1)),
            };
            assert_eq!(start, expected.map(|page| page * GPU_PAGE), "step {step}");
            match expected {
                Ok(start) if !in_block => {
                    blocks.insert(start, (len, reserve));
                    found += 1;
                }
                Err(AddressError::Taken) => taken += 1,
                Err(AddressError::Full) => full += 1,
                _ => {}
            }
            let sum: u64 = blocks.values().map(|(len, _)| len).sum();
            assert_eq!(space.count(), blocks.len(), "step {step}");
            assert_eq!(space.taken(), sum * GPU_PAGE, "step {step}");
        }
    }
    assert!(
        found > 1000 && taken > 300 && full > 300,
        "{found} {taken} {full}"
    );
}
