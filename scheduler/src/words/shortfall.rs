//! Words for what a node lacks.

use super::amount::{cores, mib};
use zhisuan_core::Shortfall;

/// Text in Chinese and in English.
pub(crate) struct Both {
    pub(crate) zh: String,
    pub(crate) en: String,
}

impl Both {
    fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            zh: zh.into(),
            en: en.into(),
        }
    }
}

/// Stable name of a shortfall.
pub(crate) fn code(short: Shortfall) -> &'static str {
    match short {
        Shortfall::NotReady => "not_ready",
        Shortfall::Work => "work",
        Shortfall::Label => "label",
        Shortfall::DeviceKind => "device_kind",
        Shortfall::Devices => "devices",
        Shortfall::DeviceMemory => "device_memory",
        Shortfall::Cpu => "cpu",
        Shortfall::Memory => "memory",
    }
}

/// "asks for 4 cores, 1.5 free": the shortfall of one node.
pub(crate) fn gap(short: Shortfall, asked: u64, free: u64) -> Both {
    match short {
        Shortfall::NotReady => Both::new(
            "节点未就绪或正在排空，暂不接收新作业",
            "the node is not ready or is draining and takes no new work",
        ),
        Shortfall::Work => Both::new(
            "节点不承接这类作业",
            "the node does not run this kind of work",
        ),
        Shortfall::Label => Both::new(
            "节点缺少作业要求的标签",
            "the node lacks a label that the job requires",
        ),
        Shortfall::DeviceKind => Both::new(
            format!("需要 {asked} 张指定型号的加速卡，节点上没有该型号"),
            format!("{asked} devices of the kind are asked for, the node has none of that kind"),
        ),
        Shortfall::Devices => Both::new(
            format!("需要 {asked} 张空闲加速卡，现有 {free} 张"),
            format!("{asked} free devices are asked for, {free} are free"),
        ),
        Shortfall::DeviceMemory => Both::new(
            format!(
                "每张卡需要 {} 显存，最多只有 {} 空闲",
                mib(asked),
                mib(free)
            ),
            format!(
                "{} of memory are asked for on each device, at most {} are free on one",
                mib(asked),
                mib(free)
            ),
        ),
        Shortfall::Cpu => Both::new(
            format!("需要 {} 核，空闲 {} 核", cores(asked), cores(free)),
            format!(
                "{} cores are asked for, {} are free",
                cores(asked),
                cores(free)
            ),
        ),
        Shortfall::Memory => Both::new(
            format!("需要内存 {}，空闲 {}", mib(asked), mib(free)),
            format!(
                "{} of memory are asked for, {} are free",
                mib(asked),
                mib(free)
            ),
        ),
    }
}

/// "no node has more than 4 cores": why no node could ever do it.
pub(crate) fn ceiling(short: Shortfall, asked: u64, most: u64) -> Both {
    match short {
        Shortfall::NotReady => Both::new("没有可用的节点", "no node can take work"),
        Shortfall::Work => Both::new("没有节点承接这类作业", "no node runs this kind of work"),
        Shortfall::Label => Both::new(
            "没有节点带有作业要求的全部标签",
            "no node has all the labels that the job requires",
        ),
        Shortfall::DeviceKind => Both::new(
            format!("需要 {asked} 张指定型号的加速卡，全中心没有该型号"),
            format!("{asked} devices of the kind are asked for, the fleet has none of that kind"),
        ),
        Shortfall::Devices => Both::new(
            format!("需要 {asked}（加速卡或同时放置的任务），即使全部空闲也最多满足 {most}"),
            format!(
                "{asked} (devices, or tasks placed together) are asked for, even an empty fleet \
                 offers {most}"
            ),
        ),
        // One device is large enough: it is their number on one node that is short.
        Shortfall::DeviceMemory if most >= asked => Both::new(
            format!("每张卡需要 {} 显存，没有节点有足够多这样的卡", mib(asked)),
            format!(
                "{} of memory are asked for on each device, no node has enough such devices",
                mib(asked)
            ),
        ),
        Shortfall::DeviceMemory => Both::new(
            format!("每张卡需要 {} 显存，最多只有 {}", mib(asked), mib(most)),
            format!(
                "{} of memory are asked for on each device, no device has more than {}",
                mib(asked),
                mib(most)
            ),
        ),
        Shortfall::Cpu => Both::new(
            format!("需要 {} 核，单个节点最多 {} 核", cores(asked), cores(most)),
            format!(
                "{} cores are asked for, no node has more than {}",
                cores(asked),
                cores(most)
            ),
        ),
        Shortfall::Memory => Both::new(
            format!("需要内存 {}，单个节点最多 {}", mib(asked), mib(most)),
            format!(
                "{} of memory are asked for, no node has more than {}",
                mib(asked),
                mib(most)
            ),
        ),
    }
}
