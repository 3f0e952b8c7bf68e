namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Bytes at a fixed place that say what a device carries.</summary>
/// <param name="OffsetBytes">From the start, or from the end when negative.</param>
internal sealed record MagicSignature(string What, long OffsetBytes, byte[] Magic)
{
    /// <summary>All within <see cref="HeadBytes"/> of the start or <see cref="TailBytes"/> of the end.</summary>
    public static readonly MagicSignature[] All =
    [
        new("ext2/3/4 file system", 1024 + 56, [0x53, 0xef]),
        new("XFS file system", 0, "XFSB"u8.ToArray()),
        new("Btrfs file system", 65536 + 64, "_BHRfS_M"u8.ToArray()),
        new("swap space", 4096 - 10, "SWAPSPACE2"u8.ToArray()),
        new("swap space", 65536 - 10, "SWAPSPACE2"u8.ToArray()),
        new("LUKS volume", 0, [.. "LUKS"u8, 0xba, 0xbe]),
        new("LUKS volume", 16384, [.. "SKUL"u8, 0xba, 0xbe]),
        new("qcow2 image", 0, [.. "QFI"u8, 0xfb]),
        new("ISO 9660 file system", 32769, "CD001"u8.ToArray()),
        new("NTFS file system", 3, "NTFS    "u8.ToArray()),
        new("VMFS volume", 1 << 20, [0x0d, 0xd0, 0x01, 0xc0]),
        new("bcache device", 4096 + 24, [0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca]),
        new("Ceph BlueStore device", 0, "bluestore block device"u8.ToArray()),
        new("Linux software RAID member", 0, [0xfc, 0x4e, 0x2b, 0xa9]),
        new("Linux software RAID member", 4096, [0xfc, 0x4e, 0x2b, 0xa9]),
        new("Linux software RAID member", -8192, [0xfc, 0x4e, 0x2b, 0xa9]),
        new("Linux software RAID member", -65536, [0xfc, 0x4e, 0x2b, 0xa9]),
        new("GPT partition table", 512, "EFI PART"u8.ToArray()),
        new("GPT partition table", 4096, "EFI PART"u8.ToArray()),
        new("GPT partition table (backup)", -512, "EFI PART"u8.ToArray()),
        new("GPT partition table (backup)", -4096, "EFI PART"u8.ToArray()),
        new("sanlock lockspace", 0, [0x10, 0x20, 0x21, 0x12]),
        new("sanlock resource", 0, [0x10, 0x20, 0x15, 0x06]),
        new("LVM2 metadata area", 4096 + 4, OnDisk.MdaHeader.Magic.ToArray()),
    ];

    public const int HeadBytes = (1 << 20) + 4096;
    public const int TailBytes = 128 << 10;
}
