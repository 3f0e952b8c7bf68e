using OvirtSpm.LvmMetadata;

namespace LvmMetadata.Tests.Support;

/// <summary>A deadline that passes after a chosen number of questions.</summary>
public sealed class TestGuard(ulong epoch, int allowed = int.MaxValue) : IWriteGuard
{
    public int Asked { get; private set; }

    public ulong Epoch => epoch;

    public Action? Asks { get; init; }

    public bool MayWrite()
    {
        Asks?.Invoke();
        return ++Asked <= allowed;
    }
}
