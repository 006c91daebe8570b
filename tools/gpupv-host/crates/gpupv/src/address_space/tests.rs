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
        let (start, len, view) = match block {
            Block::Mapping(len, view) => (start, *len, *view),
            Block::Reservation(_, views, _) => {
                let (&start, &(len, view)) = views.range(..=address).next_back()?;
                (start, len, view)
            }
        };
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
    let outside = Wanted {
        base: 0x10_0000,
        ..between
    };
    let error = space.reserve(outside, RESERVATION_UNIT, false);
    assert_eq!(error, Err(AddressError::Invalid));
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
            let inside = |(&other, &(count, reserved)): (&u64, &(u64, bool))| {
                reserved && other <= base && base + len <= other + count
            };
            let in_reservation = !reserve && base != 0 && blocks.iter().any(inside);
            let expected = if base == 0 {
                let mut places = (minimum.next_multiple_of(unit)..maximum).step_by(unit as usize);
                let place = places.find(|&start| within(start) && free(start));
                place.ok_or(AddressError::Full)
            } else if !within(base) {
                Err(AddressError::Invalid)
            } else if in_reservation || free(base) {
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
                Ok(start) if !in_reservation => {
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
