// SPDX-License-Identifier: GPL-2.0
//! The layouts and numbers of `proto` against the tables of the specification.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::offset_of;

use vmbus::proto::*;

/// A line of the layout table: struct, size, field, offset, field size.
pub fn layout_table(file: &str) -> Vec<(String, usize, String, usize, usize)> {
    table(file)
        .map(|line| {
            let parts: Vec<&str> = line.split(',').collect();
            let [name, size, field, offset, field_size] = parts[..] else {
                panic!("{file}: {line}");
            };
            let number = |text: &str| text.parse().unwrap();
            (
                name.to_owned(),
                number(size),
                field.to_owned(),
                number(offset),
                number(field_size),
            )
        })
        .collect()
}

/// The lines of a table, without its head.
fn table(file: &str) -> impl Iterator<Item = String> {
    let path = format!(
        "{}/../../../../Documentation/spec/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines.into_iter()
}

/// The size of a field, from the type of its accessor.
fn field_size<S, F>(_: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

/// What we have: per struct its size, and per field its offset and size.
type Ours = BTreeMap<&'static str, (usize, BTreeMap<&'static str, (usize, usize)>)>;

macro_rules! ours {
    ($map:ident, $name:literal = $type:ty { $($field:literal = $($path:ident).+),* $(,)? }) => {
        let mut fields = BTreeMap::new();
        $(fields.insert(
            $field,
            (offset_of!($type, $($path).+), field_size::<$type, _>(|s| &s.$($path).+)),
        );)*
        $map.insert($name, (size_of::<$type>(), fields));
    };
}

macro_rules! message {
    ($map:ident, $name:literal = $type:ty { $($field:literal = $path:ident),* $(,)? }) => {
        ours!($map, $name = $type {
            "type" = header.kind,
            "padding" = header.padding,
            $($field = $path,)*
        });
    };
}

fn ours() -> Ours {
    let mut map = Ours::new();
    ours!(map, "channel_msg_header" = Header { "type" = kind, "padding" = padding });
    message!(map, "initiate_contact" = InitiateContact {
        "version" = version, "target_vp" = target_vp, "sint" = sint, "vtl" = vtl,
        "reserved" = reserved, "feature_flags" = feature_flags,
        "monitor_page_1" = monitor_page_1, "monitor_page_2" = monitor_page_2,
    });
    message!(map, "version_response" = VersionResponse {
        "version_supported" = version_supported, "connection_state" = connection_state,
        "padding2" = padding2, "connection_id_or_version" = connection_id_or_version,
    });
    message!(map, "offer_channel" = OfferChannel {
        "class_guid" = class_guid, "instance_guid" = instance_guid, "reserved" = reserved,
        "flags" = flags, "mmio_megabytes" = mmio_megabytes, "user_defined" = user_defined,
        "sub_channel_index" = sub_channel_index, "reserved2" = reserved2, "relid" = relid,
        "monitor_id" = monitor_id, "monitor_allocated" = monitor_allocated,
        "dedicated_interrupt" = dedicated_interrupt, "connection_id" = connection_id,
    });
    message!(map, "rescind_channel_offer" = RescindChannelOffer { "relid" = relid });
    message!(map, "close_channel" = CloseChannel { "relid" = relid });
    message!(map, "relid_released" = RelidReleased { "relid" = relid });
    message!(map, "request_offers" = RequestOffers {});
    message!(map, "all_offers_delivered" = AllOffersDelivered {});
    message!(map, "unload" = Unload {});
    message!(map, "unload_response" = UnloadResponse {});
    message!(map, "open_channel" = OpenChannel {
        "relid" = relid, "open_id" = open_id, "ring_gpadl" = ring_gpadl,
        "target_vp" = target_vp, "downstream_page_offset" = downstream_page_offset,
        "user_data" = user_data,
    });
    message!(map, "open_channel_result" = OpenChannelResult {
        "relid" = relid, "open_id" = open_id, "status" = status,
    });
    message!(map, "gpadl_header" = GpadlHeader {
        "relid" = relid, "gpadl" = gpadl, "range_buflen" = range_buflen,
        "range_count" = range_count, "byte_count" = byte_count, "byte_offset" = byte_offset,
    });
    message!(map, "gpadl_body" = GpadlBody {
        "message_number" = message_number, "gpadl" = gpadl,
    });
    message!(map, "gpadl_created" = GpadlCreated {
        "relid" = relid, "gpadl" = gpadl, "status" = status,
    });
    message!(map, "gpadl_teardown" = GpadlTeardown { "relid" = relid, "gpadl" = gpadl });
    message!(map, "gpadl_torndown" = GpadlTorndown { "gpadl" = gpadl });
    message!(map, "modify_channel" = ModifyChannel { "relid" = relid, "target_vp" = target_vp });
    message!(map, "modify_channel_response" = ModifyChannelResponse {
        "relid" = relid, "status" = status,
    });
    ours!(map, "ring_control_page" = RingControlPage {
        "write_index" = write_index, "read_index" = read_index,
        "interrupt_mask" = interrupt_mask, "pending_send_size" = pending_send_size,
        "reserved" = reserved, "feature_bits" = feature_bits, "reserved2" = reserved2,
    });
    ours!(map, "packet_descriptor" = PacketDescriptor {
        "type" = kind, "offset8" = offset8, "len8" = len8, "flags" = flags,
        "transaction_id" = transaction_id,
    });
    ours!(map, "packet_trailer" = PacketTrailer {
        "reserved" = reserved, "start_write_index" = start_write_index,
    });
    map
}

#[test]
fn structs_are_laid_out_as_specified() {
    let ours = ours();
    let mut seen = BTreeSet::new();
    let mut fields_seen = BTreeSet::new();
    for (name, size, field, offset, field_size) in layout_table("hyperv-layout.csv") {
        let Some((our_size, our_fields)) = ours.get(name.as_str()) else {
            continue;
        };
        assert_eq!(*our_size, size, "size of {name}");
        seen.insert(name.clone());
        if field == "pfn[0]" {
            assert_eq!(offset, size, "page numbers follow {name}");
            continue;
        }
        if name == "initiate_contact" && field == "interrupt_page" {
            // The older meaning of the bytes from `sint` on.
            assert_eq!(offset, offset_of!(InitiateContact, sint));
            continue;
        }
        let expected = (offset, field_size);
        assert_eq!(
            our_fields.get(field.as_str()),
            Some(&expected),
            "{name}.{field}"
        );
        fields_seen.insert((name, field));
    }
    for (name, (_, fields)) in &ours {
        assert!(seen.contains(*name), "{name} is not in the table");
        for field in fields.keys() {
            let key = ((*name).to_owned(), (*field).to_owned());
            assert!(
                fields_seen.contains(&key),
                "{name}.{field} is not in the table"
            );
        }
    }
}

#[test]
fn every_specified_channel_message_has_a_struct() {
    /// Structs of other layers, and the longer answer to a version that is refused.
    const OTHERS: [&str; 11] = [
        "synic_message",
        "post_message_input",
        "reference_tsc_page",
        "kvm_hyperv_exit_synic",
        "kvm_hyperv_exit_hcall",
        "kvm_hyperv_eventfd",
        "kvm_irq_routing_entry_hv_sint",
        "hvm_start_info",
        "hvm_memmap_entry",
        "hvm_modlist_entry",
        "version_response_6_0",
    ];
    let ours = ours();
    for (name, ..) in layout_table("hyperv-layout.csv") {
        assert!(
            ours.contains_key(name.as_str()) || OTHERS.contains(&name.as_str()),
            "{name}"
        );
    }
}

/// The numbers of a group of the constants table.
fn constants(group: &str) -> BTreeMap<String, u64> {
    table("hyperv-constants.csv")
        .filter_map(|line| {
            let mut parts = line.splitn(3, ',').map(str::to_owned);
            let (found, name, value) = (parts.next()?, parts.next()?, parts.next()?);
            let value = match value.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16),
                None => value.parse(),
            };
            (found == group).then(|| (name, value.unwrap()))
        })
        .collect()
}

#[test]
fn numbers_are_as_specified() {
    // The enum says OfferChannel where the table says OFFERCHANNEL.
    let ours = |number: u64| MessageType::try_from(number as u32).ok();
    let mut checked = 0;
    for (name, number) in constants("channel_message") {
        // INVALID, and the reserved channels that no Linux uses.
        let without = [0, 18, 19, 20].contains(&number);
        match ours(number) {
            None => assert!(without, "{name}"),
            Some(MessageType::SocketConnectRequest) => assert_eq!(name, "TL_CONNECT_REQUEST"),
            Some(MessageType::SocketConnectResult) => assert_eq!(name, "TL_CONNECT_RESULT"),
            Some(kind) => {
                assert_eq!(format!("{kind:?}").to_uppercase(), name.replace('_', ""));
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 19);

    let versions: Vec<u64> = constants("vmbus_version").into_values().collect();
    let mut known: Vec<u64> = version::ACCEPTED.iter().map(|&v| v.into()).collect();
    known.push(version::V6_0.into());
    assert_eq!(versions, known);

    let connections = constants("connection_id");
    assert_eq!(
        connections["message_before_5_0"],
        u64::from(connection::MESSAGE_BEFORE_5_0)
    );
    assert_eq!(
        connections["message_5_0"],
        u64::from(connection::MESSAGE_5_0)
    );
    assert_eq!(
        connections["channel_base"],
        u64::from(connection::CHANNEL_BASE)
    );
    assert_eq!(constants("synic")["vmbus_sint"], u64::from(VMBUS_SINT));
    assert_eq!(constants("limit")["relid_max"], u64::from(RELID_MAX));
    let packets = constants("packet_type");
    assert_eq!(packets["inband"], PacketType::InBand as u64);
    assert_eq!(packets["transfer_pages"], PacketType::TransferPages as u64);
    assert_eq!(packets["gpa_direct"], PacketType::GpaDirect as u64);
    assert_eq!(packets["completion"], PacketType::Completion as u64);
    assert_eq!(
        constants("packet")["default_max_packet"],
        vmbus::Offer::DEFAULT_MAX_PACKET as u64
    );
}

#[test]
fn messages_are_as_long_as_the_guest_needs() {
    let least = constants("guest_min_payload");
    let lengths = [
        ("OFFERCHANNEL", size_of::<OfferChannel>()),
        ("RESCIND_CHANNELOFFER", size_of::<RescindChannelOffer>()),
        ("ALLOFFERS_DELIVERED", size_of::<AllOffersDelivered>()),
        ("OPENCHANNEL_RESULT", size_of::<OpenChannelResult>()),
        ("GPADL_CREATED", size_of::<GpadlCreated>()),
        ("GPADL_TORNDOWN", size_of::<GpadlTorndown>()),
        ("VERSION_RESPONSE", size_of::<VersionResponse>()),
        ("UNLOAD_RESPONSE", size_of::<UnloadResponse>()),
        ("MODIFYCHANNEL_RESPONSE", size_of::<ModifyChannelResponse>()),
    ];
    assert_eq!(lengths.len(), least.len());
    for (name, length) in lengths {
        assert!(length as u64 >= least[name], "{name}");
    }
}
