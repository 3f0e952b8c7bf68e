using System.Buffers.Binary;

namespace OvirtSpm.Interop.Guest;

/// <summary>A guest of 512 bytes: BIOS boot code that fills a disk from one sector to another and tells on its serial port how it goes.</summary>
/// <remarks>
/// It writes 64 sectors at a time through INT 13h, AH=43h (extended write), so through SeaBIOS' own virtio-blk driver; the first four bytes
/// of every sector are its number. On the serial port: '.' after each write, '!' when the BIOS reported an error (it tries again), '#' at the
/// end. A guest that QEMU pauses and continues sees nothing of it.
/// <code>
/// 00 FA             cli                       start with known segments and a stack below us
/// 01 31 C0          xor  ax, ax
/// 03 8E D8          mov  ds, ax
/// 05 8E D0          mov  ss, ax
/// 07 BC 00 7C       mov  sp, 7C00h
/// 0A FB             sti
/// 0B 66 A1 78 7C    mov  eax, [7C78h]         next: number of the first sector of this write
/// 0F BF 00 80       mov  di, 8000h
/// 12 B9 40 00       mov  cx, 64
/// 15 66 89 05       mov  [di], eax            fill: each sector begins with its number
/// 18 66 40          inc  eax
/// 1A 81 C7 00 02    add  di, 512
/// 1E E2 F5          loop fill
/// 20 B8 00 43       mov  ax, 4300h            extended write, without verify
/// 23 8A 16 60 7C    mov  dl, [7C60h]          drive
/// 27 BE 70 7C       mov  si, 7C70h            disk address packet
/// 2A CD 13          int  13h
/// 2C 72 1E          jc   fail
/// 2E 66 83 06 78 7C 40  add dword [7C78h], 64
/// 34 B0 2E          mov  al, '.'
/// 36 E8 1A 00       call say
/// 39 66 A1 78 7C    mov  eax, [7C78h]
/// 3D 66 3B 06 64 7C cmp  eax, [7C64h]
/// 42 72 C7          jb   next
/// 44 B0 23          mov  al, '#'
/// 46 E8 0A 00       call say
/// 49 F4             hlt                       stop:
/// 4A EB FD          jmp  stop
/// 4C B0 21          mov  al, '!'              fail:
/// 4E E8 02 00       call say
/// 51 EB B8          jmp  next
/// 53 BA F8 03       mov  dx, 3F8h             say: first serial port
/// 56 EE             out  dx, al
/// 57 C3             ret
///
/// 60 u8  BIOS drive   64 u32 end sector (not written)
/// 70 disk address packet: u8 16, u8 0, u16 sectors, u16 offset, u16 segment, u64 first sector
/// 1FE 55 AA
/// </code>
/// </remarks>
internal static class BootSectorGuest
{
    public const int SectorBytes = 512, SectorsPerWrite = 64;

    private static ReadOnlySpan<byte> Code =>
    [
        0xFA, 0x31, 0xC0, 0x8E, 0xD8, 0x8E, 0xD0, 0xBC, 0x00, 0x7C, 0xFB,
        0x66, 0xA1, 0x78, 0x7C, 0xBF, 0x00, 0x80, 0xB9, 0x40, 0x00,
        0x66, 0x89, 0x05, 0x66, 0x40, 0x81, 0xC7, 0x00, 0x02, 0xE2, 0xF5,
        0xB8, 0x00, 0x43, 0x8A, 0x16, 0x60, 0x7C, 0xBE, 0x70, 0x7C, 0xCD, 0x13, 0x72, 0x1E,
        0x66, 0x83, 0x06, 0x78, 0x7C, 0x40, 0xB0, 0x2E, 0xE8, 0x1A, 0x00,
        0x66, 0xA1, 0x78, 0x7C, 0x66, 0x3B, 0x06, 0x64, 0x7C, 0x72, 0xC7,
        0xB0, 0x23, 0xE8, 0x0A, 0x00, 0xF4, 0xEB, 0xFD,
        0xB0, 0x21, 0xE8, 0x02, 0x00, 0xEB, 0xB8,
        0xBA, 0xF8, 0x03, 0xEE, 0xC3,
    ];

    /// <summary>A boot disk of 1 MiB (SeaBIOS wants more than a single sector to call it a disk).</summary>
    /// <param name="firstSector">First sector written; 1 or more when the guest writes the disk it boots from.</param>
    /// <param name="endSector">First sector not written; a multiple of 64 behind the first.</param>
    /// <param name="drive">BIOS number of the disk to fill: 0x80 the one with bootindex=0, 0x81 the one with bootindex=1.</param>
    public static byte[] BootDisk(uint firstSector, uint endSector, byte drive = 0x81)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(firstSector, endSector);
        ArgumentOutOfRangeException.ThrowIfNotEqual((endSector - firstSector) % SectorsPerWrite, 0u);
        var disk = new byte[1 << 20];
        Code.CopyTo(disk);
        disk[0x60] = drive;
        BinaryPrimitives.WriteUInt32LittleEndian(disk.AsSpan(0x64), endSector);
        disk[0x70] = 16;
        BinaryPrimitives.WriteUInt16LittleEndian(disk.AsSpan(0x72), SectorsPerWrite);
        BinaryPrimitives.WriteUInt16LittleEndian(disk.AsSpan(0x74), 0x8000);
        BinaryPrimitives.WriteUInt32LittleEndian(disk.AsSpan(0x78), firstSector);
        (disk[0x1FE], disk[0x1FF]) = (0x55, 0xAA);
        return disk;
    }

    /// <summary>What it said on its serial port, while QEMU has the file open.</summary>
    public static string Said(string serial)
    {
        using var reader = new StreamReader(new FileStream(serial, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }

    /// <summary>QEMU's arguments for a guest that boots from one disk and fills another, stopping for errors as oVirt's guests do.</summary>
    /// <param name="bootDiskPath">A file with <see cref="BootDisk"/> in it.</param>
    /// <param name="dataNode">Node name of the disk to fill, defined by arguments of the caller.</param>
    /// <param name="serialPath">Where the serial port's bytes go.</param>
    public static string[] Arguments(string bootDiskPath, string dataNode, string serialPath) =>
    [
        "-machine", "q35,accel=tcg", "-m", "64", "-serial", $"file:{serialPath}",
        "-blockdev", $"driver=file,node-name=boot-file,filename={bootDiskPath},read-only=on",
        "-blockdev", "driver=raw,node-name=boot,file=boot-file,read-only=on",
        "-device", "virtio-blk-pci,drive=boot,bootindex=0",
        "-device", $"virtio-blk-pci,drive={dataNode},bootindex=1,werror=stop,rerror=stop",
    ];
}
