namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Memory that direct I/O takes as it is: pinned, beginning on a page.</summary>
internal static class DiskMemory
{
    private const int Page = 4096;

    public static Memory<byte> Allocate(int bytes)
    {
        var array = GC.AllocateArray<byte>(bytes + Page, pinned: true);
        var address = System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(array, 0);
        var skip = (int)((Page - ((long)address % Page)) % Page);
        return array.AsMemory(skip, bytes);
    }
}
