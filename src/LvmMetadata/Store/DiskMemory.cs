namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Memory that direct I/O takes as it is: pinned, beginning on a page.</summary>
internal static class DiskMemory
{
    private const int Page = 4096;

    /// <summary>Lent pieces have a power of two of pages, up to this.</summary>
    private const int MostLentBytes = 64 << 10;
    private const int MostKept = 8;

    [ThreadStatic]
    private static Stack<Memory<byte>>?[]? kept;

    public static Memory<byte> Allocate(int bytes)
    {
        var array = GC.AllocateArray<byte>(bytes + Page, pinned: true);
        var address = System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(array, 0);
        var skip = (int)((Page - ((long)address % Page)) % Page);
        return array.AsMemory(skip, bytes);
    }

    /// <summary>For a read: what is in it is of somebody else. Every look at the metadata takes some, and pinned memory is collected late.</summary>
    /// <returns>At least so many bytes.</returns>
    public static Memory<byte> Rent(int bytes)
    {
        var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, Page));
        return size > MostLentBytes ? Allocate(bytes) : Kept(size) is { Count: > 0 } pieces ? pieces.Pop() : Allocate(size);
    }

    /// <summary>Only what no device has any more: never after a read that failed.</summary>
    public static void Return(Memory<byte> memory)
    {
        if (memory.Length <= MostLentBytes && System.Numerics.BitOperations.IsPow2(memory.Length) && memory.Length >= Page
            && Kept(memory.Length) is { Count: < MostKept } pieces)
        {
            pieces.Push(memory);
        }
    }

    private static Stack<Memory<byte>> Kept(int size) =>
        (kept ??= new Stack<Memory<byte>>?[System.Numerics.BitOperations.Log2(MostLentBytes / Page) + 1])[System.Numerics.BitOperations.Log2((uint)(size / Page))] ??= new();
}
