using System.Text;

namespace OvirtSpm.Lab.Boot;

/// <summary>An archive that the kernel unpacks as its first root: the format "newc" of cpio(5).</summary>
internal sealed class CpioArchive(Stream target)
{
    private const int Executable = 0x81ED, Directory = 0x41ED;

    private int _entries;

    public void AddDirectory(string name) => Add(name, Directory, []);

    public void AddFile(string name, ReadOnlySpan<byte> content) => Add(name, Executable, content);

    public void End() => Add("TRAILER!!!", 0, []);

    private void Add(string name, int mode, ReadOnlySpan<byte> content)
    {
        // inode, mode, uid, gid, links, mtime, size, device, device of a node, length of the name with its zero, checksum
        int[] fields = [++_entries, mode, 0, 0, 1, 0, content.Length, 0, 0, 0, 0, name.Length + 1, 0];
        var header = new StringBuilder("070701");
        foreach (var field in fields)
        {
            header.Append($"{field:x8}");
        }

        var head = Encoding.ASCII.GetBytes($"{header}{name}\0");
        target.Write(head);
        Pad(head.Length);
        target.Write(content);
        Pad(content.Length);
    }

    private void Pad(int length) => target.Write(new byte[-length & 3]);
}
